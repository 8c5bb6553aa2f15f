//! Spans whose length is no multiple of a lane.

use super::mode::{Source, Span};
use super::plan::PAIR;
use crate::lane::Float;

/// A span as its part of whole lanes, and the rest, if any, copied into a lane that repeats its
/// last neuron.
pub(super) struct Segments<'a, T> {
    span: &'a Span<'a, T>,
    rest: usize,
    stage: usize,
    copy: Copied<T>,
}

impl<'a, T: Float> Segments<'a, T> {
    #[inline]
    pub(super) fn of(span: &'a Span<'a, T>, width: usize) -> Self {
        let copy = Copied { buffers: Vec::new(), sources: Vec::new(), sinks: Vec::new() };
        Self { span, rest: span.len % width, stage: 0, copy }
    }

    /// The next part that is not empty; by then the results of the one before are in place.
    #[inline]
    pub(super) fn next(&mut self, width: usize) -> Option<Span<'_, T>> {
        self.stage += 1;
        let whole = self.span.len - self.rest;
        if self.stage == 1 && whole > 0 {
            return Some(Span { len: whole, ..*self.span });
        }
        if self.rest == 0 {
            return None;
        }
        if self.copy.sources.is_empty() {
            self.copy.fill(self.span, whole, self.rest);
            return Some(Span { sources: &self.copy.sources, sinks: &self.copy.sinks, len: width });
        }
        self.copy.write_back(self.span, whole, self.rest);
        None
    }
}

/// One lane of copies of a span's operands.
struct Copied<T> {
    buffers: Vec<[T; PAIR]>,
    sources: Vec<Source<T>>,
    sinks: Vec<*mut T>,
}

impl<T: Float> Copied<T> {
    /// Copies the `rest` neurons from `start` on; scalars stay where they are.
    #[inline(never)]
    fn fill(&mut self, span: &Span<'_, T>, start: usize, rest: usize) {
        let streams = span.sources.iter().filter(|source| source.mask != 0);
        self.buffers = vec![[T::ZERO; PAIR]; streams.count() + span.sinks.len()];
        let mut buffers = self.buffers.iter_mut();
        self.sources = span.sources.to_vec();
        for source in self.sources.iter_mut().filter(|source| source.mask != 0) {
            let Some(buffer) = buffers.next() else { break };
            // SAFETY: the span has `rest` elements there.
            let from = unsafe { std::slice::from_raw_parts(source.ptr.add(start), rest) };
            buffer[..rest].copy_from_slice(from);
            buffer[rest..].fill(from[rest - 1]);
            source.ptr = buffer.as_ptr();
        }
        self.sinks = buffers.map(|buffer| buffer.as_mut_ptr()).collect();
    }

    /// Copies the results back.
    #[inline(never)]
    fn write_back(&self, span: &Span<'_, T>, start: usize, rest: usize) {
        for (&from, &to) in self.sinks.iter().zip(span.sinks) {
            if !to.is_null() {
                // SAFETY: both have `rest` elements there.
                unsafe { std::ptr::copy_nonoverlapping(from, to.add(start), rest) };
            }
        }
    }
}
