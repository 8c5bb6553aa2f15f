//! The search for spikes, with the rows of those found on their way from memory.

use super::spikes::{MANY, Spikes, not_zero};
use crate::error::Result;
use crate::lane::{Float, Job, Lane, dispatch};

/// Spikes searched before the rows of those found are worked on.
const BLOCK: usize = 256;

/// Rows whose synapses are on their way while one is worked on.
pub(super) const AHEAD: usize = 8;

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

/// All spikes, in order; `fetch` is called with the row of each some spikes before it is found.
pub(crate) fn find<T: Float>(spikes: Spikes<'_, T>, fetch: impl Fn(usize)) -> Vec<Hit<T>> {
    dispatch(Find { spikes, fetch })
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
