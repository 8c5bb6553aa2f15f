//! Every source neuron has the same number of synapses.

use crate::error::{Error, Result};
use crate::random::Stream;
use crate::threads;

/// Keeps these draws apart from others of the same seed.
const PURPOSE: u32 = 1;

/// From so many synapses on, several threads are faster than one.
const PARALLEL: usize = 100_000;

/// The targets of `n_pre` neurons with `k` synapses each: row-major, each row ascending.
///
/// Without `multapses` the targets of a row are distinct, without `autapses` none of them is the
/// row's own number; otherwise they are uniform and independent.
///
/// # Errors
/// If a row cannot have that many targets, or there are more targets than 32 bits count.
pub fn fixed_out_degree(
    seed: u64,
    n_pre: usize,
    n_post: usize,
    k: usize,
    multapses: bool,
    autapses: bool,
) -> Result<Vec<u32>> {
    let own = usize::from(!autapses && n_pre > 0 && n_post > 0);
    let available = n_post - own;
    if n_pre > 0 && k > 0 && (available == 0 || (!multapses && k > available)) {
        return Err(Error::Targets { given: k, available });
    }
    let size =
        u32::try_from(n_post).map_err(|_| Error::Targets { given: n_post, available: u32::MAX as usize })?;
    let mut out = vec![0; n_pre * k];
    if k == 0 {
        return Ok(out);
    }
    let rule = Rule { seed, size, multapses, autapses };
    let rows = RowsMut { ptr: out.as_mut_ptr(), k };
    threads::ranges(n_pre, out.len() >= PARALLEL, |range| {
        let mut seen = Seen::new(n_post, multapses);
        for i in range {
            // SAFETY: every row is in one range only, and below `n_pre`.
            rule.fill(i, unsafe { rows.row(i) }, &mut seen);
        }
    });
    Ok(out)
}

/// Rows that several threads fill, each its own.
struct RowsMut {
    ptr: *mut u32,
    k: usize,
}

// SAFETY: threads take different rows.
unsafe impl Sync for RowsMut {}

impl RowsMut {
    /// # Safety
    /// The row exists, and nobody else has it.
    #[allow(clippy::mut_from_ref)] // disjoint by the contract
    unsafe fn row(&self, i: usize) -> &mut [u32] {
        // SAFETY: the caller vouches for the row.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.add(i * self.k), self.k) }
    }
}

struct Rule {
    seed: u64,
    size: u32,
    multapses: bool,
    autapses: bool,
}

impl Rule {
    fn fill(&self, i: usize, row: &mut [u32], seen: &mut Seen) {
        let own = u32::try_from(i).ok().filter(|&own| !self.autapses && own < self.size);
        let size = self.size - u32::from(own.is_some());
        let mut stream = Stream::new(self.seed, i as u64, PURPOSE);
        if self.multapses {
            for x in row.iter_mut() {
                *x = stream.below(size);
            }
        } else {
            // Floyd's choice of a subset: each draw among one more, a repeat gives that one.
            for (last, x) in (size - row.len() as u32..size).zip(row.iter_mut()) {
                let draw = stream.below(last + 1);
                *x = if seen.insert(draw) { draw } else { last };
                seen.insert(*x);
            }
            seen.clear(row);
        }
        row.sort_unstable();
        if let Some(own) = own {
            // The row's own number is left out by closing the gap it makes.
            for x in row.iter_mut().filter(|x| **x >= own) {
                *x += 1;
            }
        }
    }
}

/// A set of targets, cleared in time proportional to its members.
struct Seen(Vec<u64>);

impl Seen {
    fn new(n_post: usize, multapses: bool) -> Self {
        Self(if multapses { Vec::new() } else { vec![0; n_post.div_ceil(64)] })
    }

    /// Whether `x` is new.
    #[inline]
    fn insert(&mut self, x: u32) -> bool {
        let (word, bit) = (&mut self.0[x as usize / 64], 1 << (x % 64));
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    fn clear(&mut self, members: &[u32]) {
        for &x in members {
            self.0[x as usize / 64] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_distinct_and_in_range() {
        for (n_pre, n_post, k, autapses) in [(50, 40, 40, true), (50, 40, 39, false), (3, 1_000, 10, true)] {
            let all = fixed_out_degree(3, n_pre, n_post, k, false, autapses).expect("few enough");
            assert_eq!(all.len(), n_pre * k);
            for (i, row) in all.chunks(k).enumerate() {
                assert!(row.is_sorted_by(|a, b| a < b) && row.iter().all(|&x| (x as usize) < n_post));
                assert!(autapses || !row.contains(&(i as u32)));
            }
        }
    }

    #[test]
    fn targets_are_uniform() {
        for multapses in [false, true] {
            let n = 20;
            let all = fixed_out_degree(9, 4_000, n, 5, multapses, true).expect("few enough");
            let mut counts = vec![0; n];
            for x in all {
                counts[x as usize] += 1;
            }
            let chi2: f64 = counts.iter().map(|&c| f64::from(c - 1_000).powi(2) / 1_000.0).sum();
            assert!(chi2 < 43.8, "chi² {chi2} at 19 degrees of freedom");
        }
    }

    #[test]
    fn threads_do_not_matter() {
        let build = |n| {
            threads::set(n);
            fixed_out_degree(5, 5_000, 300, 30, false, false)
        };
        assert!(build(1) == build(3));
        assert_ne!(build(1), fixed_out_degree(6, 5_000, 300, 30, false, false));
    }

    #[test]
    fn too_many_targets_are_refused() {
        assert_eq!(
            fixed_out_degree(1, 2, 10, 11, false, true),
            Err(Error::Targets { given: 11, available: 10 })
        );
        assert!(fixed_out_degree(1, 2, 10, 10, false, false).is_err());
        assert!(fixed_out_degree(1, 2, 10, 11, true, false).is_ok());
        assert!(fixed_out_degree(1, 2, 0, 1, true, true).is_err());
        assert_eq!(fixed_out_degree(1, 0, 0, 5, false, false), Ok(Vec::new()));
        assert_eq!(fixed_out_degree(1, 7, 0, 0, false, false), Ok(Vec::new()));
    }
}
