//! Results of calls that are rows of arrays which a loop carries, one row for each of its steps.
//!
//! The steps done are counted in a word of a buffer that is carried as well. A loop in reverse begins with the last row.

use super::Kinds;
use crate::abi::RawBuffer;
use crate::buffer::{Buffer, Dtype};
use crate::error::Error;
use crate::list::List;
use std::ffi::{c_int, c_void};
use std::ptr;

/// Rows without the heap.
pub(super) const ROWS: usize = 8;

/// Where an array stands among operands and among results.
pub(super) type Place = [usize; 2];

/// The rows of a sequence.
#[derive(Debug)]
pub(super) struct Rows {
    /// Where the buffer of 32-bit words stands that counts steps, and which of its words does.
    counter: Place,
    word: usize,
    /// The number of steps, and whether the first one makes the last row.
    length: usize,
    reverse: bool,
    /// The rows, whose numbers as buffers follow each other.
    each: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    dtype: c_int,
    dims: Vec<i64>,
    bytes: usize,
    of: Place,
}

impl Row {
    /// A buffer with this memory, as long as the row lives.
    #[inline]
    fn buffer(&self, data: *mut c_void) -> RawBuffer {
        let (dtype, rank, dims) = (self.dtype, self.dims.len() as i64, self.dims.as_ptr().cast_mut());
        RawBuffer { dtype, data, rank, dims, ..RawBuffer::NONE }
    }
}

impl Rows {
    pub(super) fn new(counter: Place, word: usize, length: usize, reverse: bool) -> Self {
        Self { counter, word, length, reverse, each: vec![] }
    }

    pub(super) fn len(&self) -> usize {
        self.each.len()
    }

    /// One more row, of an array.
    pub(super) fn push(&mut self, dtype: c_int, dims: Vec<i64>, of: Place) -> Result<(), String> {
        let mut row = Row { dtype, dims, bytes: 0, of };
        // SAFETY: the row lives; its memory is not read.
        let bytes = unsafe { Buffer::new(&row.buffer(ptr::null_mut())).bytes() };
        row.bytes = bytes.map_err(|error| error.message)?;
        self.each.push(row);
        Ok(())
    }

    /// What is wrong with these rows among operands and results of such kinds.
    pub(super) fn check(&self, kinds: &Kinds, operands: usize) -> Result<(), String> {
        let all: Vec<_> = kinds.each().collect();
        let both = |[from, to]: Place| match (all.get(from), all.get(to)) {
            (Some(a), Some(b)) if from < operands && to >= operands && a == b => Ok(*a),
            _ => Err(format!("{from} and {to} are no operand and result of one kind")),
        };
        let (dtype, words) = both(self.counter)?;
        if dtype != Dtype::U32.0 || words.len() != 1 || words[0] <= self.word as i64 {
            return Err(format!("{} has no word {}", self.counter[0], self.word));
        }
        for row in &self.each {
            let expected: Vec<i64> = [&[self.length as i64], &row.dims[..]].concat();
            if both(row.of)? != (row.dtype, &expected[..]) {
                return Err(format!("{} has no {} rows {:?}", row.of[0], self.length, row.dims));
            }
        }
        Ok(())
    }

    /// The types and dimensions of the rows.
    pub(super) fn kinds(&self) -> impl Iterator<Item = (c_int, &[i64])> {
        self.each.iter().map(|row| (row.dtype, &row.dims[..]))
    }

    /// Lists the rows of the present step; returns the number of steps before it.
    ///
    /// # Safety
    /// The buffers are live and of the kinds of the sequence; no slice of them is.
    pub(super) unsafe fn begin(
        &self,
        buffers: &[*mut RawBuffer],
        rows: &mut List<RawBuffer, ROWS>,
    ) -> crate::error::Result<usize> {
        // SAFETY: promised to this function.
        let data = |k: usize| unsafe { (*buffers[k]).data };
        // SAFETY: the counter has this word, as was checked.
        let done = unsafe { data(self.counter[0]).cast::<u32>().add(self.word).read() } as usize;
        if done >= self.length {
            return Err(Error::invalid(format!("there are rows for {} steps, not more", self.length)));
        }
        let place = if self.reverse { self.length - 1 - done } else { done };
        rows.fill(self.each.len(), |k, buffer| {
            let row = &self.each[k];
            let (from, to) = (data(row.of[0]).cast::<u8>(), data(row.of[1]).cast::<u8>());
            if from != to {
                // SAFETY: without an alias the result is memory of its own, of as many rows.
                unsafe { from.copy_to_nonoverlapping(to, self.length * row.bytes) };
            }
            *buffer = row.buffer(to.wrapping_add(place * row.bytes).cast());
            Ok(())
        })?;
        Ok(done)
    }

    /// Counts the step, which so many others came before.
    ///
    /// # Safety
    /// As for [`Self::begin`].
    pub(super) unsafe fn end(&self, buffers: &[*mut RawBuffer], done: usize) {
        // SAFETY: the counter has this word, as was checked.
        unsafe { (*buffers[self.counter[1]]).data.cast::<u32>().add(self.word).write(done as u32 + 1) };
    }
}
