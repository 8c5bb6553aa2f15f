//! The interpreter: one operation after the other, each over a block of lanes that stays in the cache.

use super::element::{Element, GROUP, Group, Source};
use super::variant::{Place, Step, Variant};
use crate::lane::{Job, Lane, dispatch};

/// Bytes of the slots of a block: a part of the second cache. In smaller blocks the time between operations counts.
const CACHE: usize = 128 * 1024;
/// Groups of a block, at least and at most.
const BLOCK: (usize, usize) = (4, 64);

/// Lanes of one row, and where their operands and results are.
#[derive(Debug)]
pub(crate) struct Span<'a, T: Element> {
    /// For each operand that varies, and behind these for each random number, its first lane.
    pub(crate) inputs: &'a [*const T::Bits],
    /// The first lane of each result.
    pub(crate) outs: &'a [*mut T::Bits],
    /// The partial sums, to be added to.
    pub(crate) sums: &'a mut [Group<T::Bits>],
    /// Number of lanes.
    pub(crate) len: usize,
}

/// The values of a program: first one group for each uniform value, then the slots.
#[derive(Debug)]
pub(crate) struct Memory<T: Element> {
    all: Vec<T::Bits>,
    /// Where the first group begins: on a line of the cache.
    start: usize,
    uniforms: usize,
    /// Groups of a slot.
    block: usize,
}

impl<T: Element> Memory<T> {
    /// Room for uniform values, constants being there, and for `slots` slots for up to `lanes` lanes.
    pub(crate) fn new(template: &[u64], slots: usize, lanes: usize) -> Self {
        let fitting = CACHE / (slots.max(1) * size_of::<Group<T::Bits>>());
        let block = fitting.clamp(BLOCK.0, BLOCK.1).min(lanes.div_ceil(GROUP).max(1));
        let groups = template.len() + slots * block;
        let mut all = vec![T::Bits::default(); (groups + 1) * GROUP];
        let start = all.as_ptr().align_offset(64).min(GROUP);
        let memory = all[start..].as_chunks_mut().0;
        for (group, &bits) in memory.iter_mut().zip(template) {
            *group = [T::truncate(bits); GROUP];
        }
        Self { all, start, uniforms: template.len(), block }
    }

    /// The uniform values, then the slots.
    pub(crate) fn groups(&mut self) -> &mut [Group<T::Bits>] {
        self.all[self.start..].as_chunks_mut().0
    }

    /// Computes the uniform values of a row; `load` reads an operand of it.
    pub(crate) fn prepare(&mut self, variant: &Variant, load: impl Fn(usize, bool) -> T::Bits) {
        for &(input, to, word) in &variant.loads {
            self.groups()[to] = [load(input, word); GROUP];
        }
        self.execute(&variant.prelude, &[], 1);
    }

    fn execute(&mut self, steps: &[Step], inputs: &[*const Group<T::Bits>], groups: usize) {
        let (uniforms, block) = (self.uniforms, self.block);
        dispatch(Execute::<T> { memory: self.groups(), uniforms, block, steps, inputs, groups });
    }

    /// Computes the lanes of a span.
    ///
    /// # Safety
    /// The span's operands and results have its lanes, and nobody else uses the results meanwhile.
    pub(crate) unsafe fn run(&mut self, variant: &Variant, span: &mut Span<'_, T>) {
        let (mut at, mut inputs, mut padded) = (0, Vec::new(), Vec::new());
        let mut bits = vec![Vec::new(); variant.bit_inputs.len()];
        while at < span.len {
            let left = span.len - at;
            let lanes = if left < GROUP { left } else { (left / GROUP).min(self.block) * GROUP };
            inputs.clear();
            if left < GROUP {
                // SAFETY: so many lanes are left.
                padded.extend(span.inputs.iter().map(|&input| unsafe { pad(input, at, left) }));
                inputs.extend(padded.iter().map(std::ptr::from_ref));
            } else {
                inputs.extend(span.inputs.iter().map(|input| input.wrapping_add(at).cast()));
            }
            for (k, _) in variant.bit_inputs.iter().enumerate().filter(|&(_, &bits)| bits) {
                // SAFETY: its bits of these lanes can be read.
                bits[k] = unsafe { spread::<T>(span.inputs[k].cast(), at, lanes) };
                inputs[k] = bits[k].as_ptr();
            }
            self.execute(&variant.body, &inputs, lanes.div_ceil(GROUP));
            // SAFETY: the caller vouches for the results, and no operand is read in this block any more.
            unsafe { self.write(variant, span, &inputs, at, lanes) };
            at += lanes;
        }
    }

    /// Writes the results of a block and adds to the sums.
    ///
    /// # Safety
    /// As for [`Self::run`]; a group that is not full is the only one of its block.
    unsafe fn write(
        &mut self,
        variant: &Variant,
        span: &mut Span<'_, T>,
        inputs: &[*const Group<T::Bits>],
        at: usize,
        lanes: usize,
    ) {
        let (groups, uniforms, block) = (lanes.div_ceil(GROUP), self.uniforms, self.block);
        let values = Values { before: self.groups(), after: &[], gap: 0, uniforms, block, inputs, groups };
        for (&place, sum) in variant.sums.iter().zip(span.sums.iter_mut()) {
            let source = values.get(place);
            for k in 0..groups {
                let mut x = *source.get(k);
                x[lanes.min(GROUP)..].fill(T::Bits::default());
                T::accumulate(sum, &x);
            }
        }
        for ((&place, out), &bits) in variant.outs.iter().zip(span.outs).zip(&variant.bit_outs) {
            let source = values.get(place);
            for k in 0..groups {
                let (from, count) = (source.get(k), lanes.min(GROUP));
                if bits {
                    let bytes = packed::<T>(from, count).to_le_bytes();
                    let at = out.cast::<u8>().wrapping_add((at + k * GROUP) / 8);
                    // SAFETY: the result has room for the bits of whole groups.
                    unsafe { at.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
                    continue;
                }
                // SAFETY: promised to this function.
                unsafe { out.add(at + k * GROUP).copy_from_nonoverlapping(from.as_ptr(), count) };
            }
        }
    }
}

/// The lanes from `at` on that are left, and zeros.
///
/// # Safety
/// They can be read, or the operand is null.
unsafe fn pad<B: Copy + Default>(input: *const B, at: usize, left: usize) -> Group<B> {
    let mut group = [B::default(); GROUP];
    if !input.is_null() {
        // SAFETY: promised to this function.
        unsafe { group.as_mut_ptr().copy_from_nonoverlapping(input.add(at), left) };
    }
    group
}

/// Bits from lane `at` on as predicates of whole groups; those beyond the last lane are false.
///
/// # Safety
/// The bits of so many lanes can be read.
unsafe fn spread<T: Element>(bits: *const u8, at: usize, lanes: usize) -> Vec<Group<T::Bits>> {
    let mut groups = vec![[T::Bits::default(); GROUP]; lanes.div_ceil(GROUP)];
    for (k, lane) in groups.as_flattened_mut().iter_mut().enumerate().take(lanes) {
        // SAFETY: promised to this function.
        let byte = unsafe { bits.add((at + k) / 8).read() };
        *lane = T::truncate(if byte >> ((at + k) % 8) & 1 == 1 { u64::MAX } else { 0 });
    }
    groups
}

/// The first predicates of a group as bits.
fn packed<T: Element>(group: &Group<T::Bits>, count: usize) -> u16 {
    let bit = |(k, x): (usize, &T::Bits)| u16::from(*x != T::Bits::default()) << k;
    group.iter().enumerate().take(count).map(bit).sum()
}

/// Values to be read while one slot, the gap in their memory, is written.
struct Values<'a, B> {
    before: &'a [Group<B>],
    after: &'a [Group<B>],
    gap: usize,
    uniforms: usize,
    /// Groups of a slot …
    block: usize,
    /// … and groups in use.
    groups: usize,
    inputs: &'a [*const Group<B>],
}

impl<'a, B> Values<'a, B> {
    /// Where a place of the memory begins, and its length.
    #[inline(always)]
    fn range(place: Place, uniforms: usize, block: usize, groups: usize) -> (usize, usize) {
        match place {
            Place::Uniform(k) => (k, 1),
            Place::Slot(k) => (uniforms + k * block, groups),
            Place::Input(_) => unreachable!("operands are not in the memory"),
        }
    }

    #[inline(always)]
    fn get(&self, place: Place) -> Source<'a, B> {
        if let Place::Input(k) = place {
            // SAFETY: the operands have so many groups, and nobody writes them while the values are read.
            let groups = unsafe { std::slice::from_raw_parts(self.inputs[k], self.groups) };
            return Source { groups, step: 1 };
        }
        let (start, len) = Self::range(place, self.uniforms, self.block, self.groups);
        let after = self.before.len() + self.gap;
        let groups =
            if start < after { &self.before[start..][..len] } else { &self.after[start - after..][..len] };
        Source { groups, step: usize::from(matches!(place, Place::Slot(_))) }
    }
}

/// Runs steps over one block.
struct Execute<'a, T: Element> {
    memory: &'a mut [Group<T::Bits>],
    uniforms: usize,
    block: usize,
    steps: &'a [Step],
    inputs: &'a [*const Group<T::Bits>],
    groups: usize,
}

impl<T: Element> Job<T> for Execute<'_, T> {
    type Out = ();

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) {
        let Self { memory, uniforms, block, steps, inputs, groups } = self;
        let mut at = 0;
        while let Some(step) = steps.get(at) {
            let (start, len) = Values::<T::Bits>::range(step.to, uniforms, block, groups);
            let (before, rest) = memory.split_at_mut(start);
            let (to, after) = rest.split_at_mut(len);
            let values = Values { before, after, gap: len, uniforms, block, groups, inputs };
            let none = Source { groups: &[][..], step: 0 };
            let args = step.args.map(|place| place.map_or(none, |place| values.get(place)));
            if step.addends.is_empty() {
                T::apply(step.op, step.immediate, to, args);
            } else {
                let addends = step.addends.iter().map(|&place| values.get(place).get(0));
                T::polynomial(to, args, addends);
            }
            let skipped = step.skip > 0 && args[0].is_zero(groups);
            at += if skipped { 1 + step.skip } else { 1 };
        }
    }
}
