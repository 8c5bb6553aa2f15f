//! Spikes, and the search for them.

use crate::error::Result;
use crate::lane::{Float, Job, Lane, dispatch};

/// Spikes: row-major (batch, total).
#[derive(Debug, Clone, Copy)]
pub enum Spikes<'a, T> {
    /// Graded; 0 is no spike.
    Float(&'a [T]),
    /// Graded, and rounded to bfloat16 when a value is used.
    Rounded(&'a [T]),
    /// Bytes; 0 is no spike.
    Bool(&'a [u8]),
}

impl<T> Spikes<'_, T> {
    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Float(s) | Self::Rounded(s) => s.len(),
            Self::Bool(s) => s.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies them as numbers.
    pub(super) fn write_to(&self, out: &mut [T])
    where
        T: Float,
    {
        match self {
            Self::Float(s) => out.copy_from_slice(s),
            Self::Rounded(s) => {
                for (x, y) in out.iter_mut().zip(*s) {
                    *x = y.to_bf16();
                }
            }
            Self::Bool(s) => {
                for (x, &byte) in out.iter_mut().zip(*s) {
                    *x = if byte == 0 { T::ZERO } else { T::ONE };
                }
            }
        }
    }

    /// The value at a place that spikes.
    #[inline(always)]
    pub(super) fn value(&self, at: usize) -> T
    where
        T: Float,
    {
        match self {
            Self::Float(s) => s[at],
            Self::Rounded(s) => s[at].to_bf16(),
            Self::Bool(_) => T::ONE,
        }
    }

    /// `n` of them from `start` on.
    pub(crate) fn part(&self, start: usize, n: usize) -> Self {
        match self {
            Self::Float(s) => Self::Float(&s[start..start + n]),
            Self::Rounded(s) => Self::Rounded(&s[start..start + n]),
            Self::Bool(s) => Self::Bool(&s[start..start + n]),
        }
    }
}

/// Spikes searched before the rows of those found are worked on.
const BLOCK: usize = 256;

/// Rows whose synapses are on their way while one is worked on.
pub(super) const AHEAD: usize = 8;

/// Spikes of a step for which there is room at once.
const MANY: usize = 64;

/// A spike that was found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hit<T> {
    pub(crate) row: usize,
    pub(crate) value: T,
}

/// Calls `body` with the row and value of every spike, in order, and `fetch` with its row some spikes before.
#[inline(always)]
pub(crate) fn each_spike<L: Lane>(
    spikes: &Spikes<'_, L::Elem>,
    fetch: impl Fn(usize),
    mut body: impl FnMut(usize, L::Elem) -> Result<()>,
) -> Result<()> {
    let mut buffer = [0; BLOCK];
    for start in (0..spikes.len()).step_by(BLOCK) {
        let end = spikes.len().min(start + BLOCK);
        let found = match spikes {
            Spikes::Float(s) | Spikes::Rounded(s) => search::<L>(&s[start..end], &mut buffer),
            Spikes::Bool(s) => search_bytes(&s[start..end], &mut buffer),
        };
        let row = |k: &u16| start + usize::from(*k);
        found.iter().take(AHEAD).for_each(|k| fetch(row(k)));
        for (k, at) in found.iter().map(row).enumerate() {
            if let Some(next) = found.get(k + AHEAD) {
                fetch(row(next));
            }
            body(at, spikes.value(at))?;
        }
    }
    Ok(())
}

/// Appends the places of all spikes to `found`, in order; returns how many there are.
#[inline(always)]
pub(super) fn find_places<L: Lane>(spikes: &Spikes<'_, L::Elem>, found: &mut Vec<u32>) -> usize {
    found.reserve(spikes.len() + L::WIDTH);
    let start = found.len();
    let to = found.spare_capacity_mut().as_mut_ptr().cast::<u32>();
    // SAFETY: there is room for a place for each element, and for a lane behind them.
    let count = unsafe {
        match spikes {
            Spikes::Float(s) | Spikes::Rounded(s) => places_of::<L>(s, to),
            Spikes::Bool(s) => places_of_bytes(s, to),
        }
    };
    // SAFETY: so many were written.
    unsafe { found.set_len(start + count) };
    count
}

/// # Safety
/// As many places as there are values, and those of a lane behind them, can be written.
#[inline(always)]
unsafe fn places_of<L: Lane>(values: &[L::Elem], to: *mut u32) -> usize {
    let (whole, mut count) = (values.len() - values.len() % L::WIDTH, 0);
    for first in (0..whole).step_by(L::WIDTH) {
        // SAFETY: a whole lane begins here; promised to this function.
        unsafe {
            let is_spike = L::load(values.as_ptr().add(first)).ne(L::splat(L::Elem::ZERO));
            count += L::places(is_spike, first as u32, to.add(count));
        }
    }
    for (k, &x) in values.iter().enumerate().skip(whole) {
        // SAFETY: promised to this function.
        unsafe { to.add(count).write(k as u32) };
        count += usize::from(x != L::Elem::ZERO);
    }
    count
}

/// As [`places_of`]. Within eight bytes a place is written in any case, as branches would be mispredicted.
///
/// # Safety
/// As for [`places_of`].
#[inline(always)]
unsafe fn places_of_bytes(values: &[u8], to: *mut u32) -> usize {
    let mut count = 0;
    for (block, bytes) in values.chunks(8).enumerate() {
        if bytes.iter().fold(0, |any, x| any | x) == 0 {
            continue;
        }
        for (k, &x) in bytes.iter().enumerate() {
            // SAFETY: promised to this function.
            unsafe { to.add(count).write((block * 8 + k) as u32) };
            count += usize::from(x != 0);
        }
    }
    count
}

/// The number of spikes.
#[inline(always)]
pub(super) fn count<L: Lane>(spikes: &Spikes<'_, L::Elem>) -> usize {
    match spikes {
        Spikes::Float(s) | Spikes::Rounded(s) => {
            let (lanes, rest) = s.split_at(s.len() - s.len() % L::WIDTH);
            let of_lane = |lane: &[L::Elem]| {
                // SAFETY: a whole lane.
                not_zero(unsafe { L::load(lane.as_ptr()) }).count_ones() as usize
            };
            let found: usize = lanes.chunks_exact(L::WIDTH).map(of_lane).sum();
            found + rest.iter().filter(|&&x| x != L::Elem::ZERO).count()
        }
        Spikes::Bool(s) => {
            s.chunks(255).map(|few| usize::from(few.iter().map(|&x| u8::from(x != 0)).sum::<u8>())).sum()
        }
    }
}

/// All spikes, in order; `fetch` is called with the row of each some spikes before it is found.
pub(crate) fn find<T: Float>(spikes: Spikes<'_, T>, fetch: impl Fn(usize)) -> Vec<Hit<T>> {
    dispatch(Find { spikes, fetch })
}

/// The places of all elements that are 1, in order, if all others are 0.
#[must_use]
pub fn find_ones<T: Float>(spikes: &[T]) -> Option<Vec<u32>> {
    dispatch(FindOnes(spikes))
}

#[derive(Clone, Copy)]
struct FindOnes<'a, T>(&'a [T]);

impl<T: Float> Job<T> for FindOnes<'_, T> {
    type Out = Option<Vec<u32>>;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) -> Option<Vec<u32>> {
        let (mut found, mut bits) = (Vec::with_capacity(MANY), [0; WORDS]);
        let (whole, rest) = self.0.split_at(self.0.len() / WORD * WORD);
        for (block, spikes) in whole.chunks(WORDS * WORD).enumerate() {
            let words = &mut bits[..spikes.len() / WORD];
            for (word, spikes) in words.iter_mut().zip(spikes.chunks_exact(WORD)) {
                *word = 0;
                for at in (0..WORD).step_by(L::WIDTH) {
                    // SAFETY: lanes divide the elements of a word.
                    *word |= u64::from(not_zero(unsafe { L::load(spikes.as_ptr().add(at)) })) << at;
                }
            }
            push_ones(&mut found, block * WORDS, words);
        }
        let of_rest = rest.iter().enumerate().filter(|&(_, &x)| x != T::ZERO);
        found.extend(of_rest.map(|(k, _)| (whole.len() + k) as u32));
        found.iter().all(|&k| self.0[k as usize] == T::ONE).then_some(found)
    }
}

/// Bits of a word, and words that are searched at once.
const WORD: usize = u64::BITS as usize;
const WORDS: usize = 64;

/// The places of all bits that are 1, in order.
#[must_use]
pub fn ones_of_bits(words: &[u64]) -> Vec<u32> {
    let mut found = Vec::with_capacity(MANY);
    for (block, words) in words.chunks(WORDS).enumerate() {
        push_ones(&mut found, block * WORDS, words);
    }
    found
}

/// Appends the places of the bits of at most `WORDS` words, the first of which has this number.
///
/// Most words have no bit or one: which of the two is no branch, which would be foretold wrongly for every spike.
#[inline(always)]
fn push_ones(found: &mut Vec<u32>, first: usize, words: &[u64]) {
    let (mut singles, mut count) = ([0; WORDS], 0);
    for (k, &word) in words.iter().enumerate() {
        let place = ((first + k) * WORD) as u32;
        singles[count] = place + word.trailing_zeros();
        count += usize::from(word != 0);
        let mut left = word & word.wrapping_sub(1);
        if left != 0 {
            found.extend_from_slice(&singles[..count]);
            count = 0;
        }
        while left != 0 {
            found.push(place + left.trailing_zeros());
            left &= left - 1;
        }
    }
    found.extend_from_slice(&singles[..count]);
}

struct Find<'a, T, F> {
    spikes: Spikes<'a, T>,
    fetch: F,
}

impl<T: Float, F: Fn(usize)> Job<T> for Find<'_, T, F> {
    type Out = Vec<Hit<T>>;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) -> Vec<Hit<T>> {
        let mut hits = Vec::with_capacity(MANY);
        let push = |row, value| {
            hits.push(Hit { row, value });
            Ok(())
        };
        each_spike::<L>(&self.spikes, self.fetch, push).expect("push succeeds");
        hits
    }
}

/// Lanes that are tested at once, as most hold no spike.
const GROUP: usize = 4;

/// The positions of all values that are not 0.
#[inline(always)]
fn search<'a, L: Lane>(spikes: &[L::Elem], found: &'a mut [u16; BLOCK]) -> &'a [u16] {
    let mut count = 0;
    let lanes = spikes.len() / L::WIDTH;
    for first in (0..lanes).step_by(GROUP) {
        let group = first..lanes.min(first + GROUP);
        // SAFETY: `GROUP` whole lanes follow.
        if group.len() == GROUP && unsafe { is_silent::<L>(spikes.as_ptr().add(first * L::WIDTH)) } {
            continue;
        }
        for start in group.map(|lane| lane * L::WIDTH) {
            // SAFETY: a whole lane begins here.
            let lane = unsafe { L::load(spikes.as_ptr().add(start)) };
            let mut bits = not_zero(lane);
            while bits != 0 {
                found[count] = start as u16 + bits.trailing_zeros() as u16;
                count += 1;
                bits &= bits - 1;
            }
        }
    }
    for (k, _) in spikes.iter().enumerate().skip(lanes * L::WIDTH).filter(|(_, x)| **x != L::Elem::ZERO) {
        found[count] = k as u16;
        count += 1;
    }
    &found[..count]
}

/// Whether `GROUP` lanes hold nothing but 0. A value that is not 0 leaves bits in their union that make no 0.
///
/// # Safety
/// `GROUP` lanes from `ptr` on can be read.
#[inline(always)]
unsafe fn is_silent<L: Lane>(ptr: *const L::Elem) -> bool {
    // SAFETY: promised to this function.
    let [a, b, c, d] = unsafe {
        [
            L::load(ptr),
            L::load(ptr.add(L::WIDTH)),
            L::load(ptr.add(2 * L::WIDTH)),
            L::load(ptr.add(3 * L::WIDTH)),
        ]
    };
    not_zero(a.or(b).or(c.or(d))) == 0
}

/// The elements that are not 0, as bits; NaN counts as a spike.
#[inline(always)]
pub(crate) fn not_zero<L: Lane>(lane: L) -> u32 {
    L::bits(lane.ne(L::splat(L::Elem::ZERO)))
}

/// As [`search`], 64 bytes at a time.
#[inline(always)]
fn search_bytes<'a>(spikes: &[u8], found: &'a mut [u16; BLOCK]) -> &'a [u16] {
    let mut count = 0;
    for (block, bytes) in spikes.chunks(64).enumerate() {
        let mut any = 0;
        for byte in bytes {
            any |= byte;
        }
        if any == 0 {
            continue;
        }
        for (k, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte != 0) {
            found[count] = (block * 64 + k) as u16;
            count += 1;
        }
    }
    &found[..count]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lane::dispatch_all;

    /// Words without a bit, with one and with several, in several blocks, and elements behind the last word.
    fn spikes() -> Vec<f32> {
        let fires = |k: usize| k.is_multiple_of(97) || (300..310).contains(&k) || k == 4999;
        (0..WORDS * WORD + 1000).map(|k| if fires(k) { 1.0 } else { 0.0 }).collect()
    }

    fn places(spikes: &[f32]) -> Vec<u32> {
        (0..spikes.len()).filter(|&k| spikes[k] != 0.0).map(|k| k as u32).collect()
    }

    #[test]
    fn the_places_of_ones_are_found_in_order() {
        let all = spikes();
        for len in [0, 1, 63, 64, 65, 303, 4096, all.len()] {
            for found in dispatch_all(FindOnes(&all[..len])) {
                assert_eq!(found, Some(places(&all[..len])));
            }
        }
    }

    #[test]
    fn other_numbers_than_one_are_told_apart() {
        for (place, x) in [(0, 0.5), (70, f32::NAN), (5095, 2.0)] {
            let mut all = spikes();
            all[place] = x;
            assert!(dispatch_all(FindOnes(&all)).iter().all(Option::is_none));
        }
    }

    #[test]
    fn bits_are_found_in_order() {
        let all = spikes();
        let word = |spikes: &[f32]| places(spikes).iter().map(|k| 1 << k).sum();
        let words: Vec<u64> = all.chunks(WORD).map(word).collect();
        assert_eq!(ones_of_bits(&words), places(&all));
    }
}
