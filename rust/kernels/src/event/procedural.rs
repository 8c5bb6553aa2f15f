//! Propagation along synapses that are made anew: blocks of rows pass through the kernels of stored ones.

use std::sync::OnceLock;

use super::{Delays, Dims, Indices, Indptr, Ring, Rows, Spikes, gather, length, scatter};
use crate::connect::{Block, Procedural};
use crate::error::Result;
use crate::lane::Float;
use crate::threads;

/// Synapses of a block: it stays in a core's own cache.
const BLOCK: usize = 65_536;

/// From so many synapses on, several threads are faster than one.
const PARALLEL: usize = 4_096;

/// `target[b, j] += w * values[b, i]` for all synapses of rows i with a value that is not 0, where w is 1 or
/// the weight drawn. With delays drawn, to the ring as [`scatter`] does. Sums have the bits that stored
/// synapses give, for any number of threads.
///
/// # Errors
/// As [`scatter`].
pub fn procedural_scatter<T: Float>(
    dims: Dims,
    values: &[T],
    rule: &Procedural<'_>,
    ring: &Ring<'_>,
    target: &mut [T],
) -> Result<()> {
    length("values", values.len(), dims.batch * dims.n_total)?;
    check(dims, rule, ring)?;
    length("target", target.len(), dims.batch * ring.slots * rule.n_post())?;
    let at = |b: usize, i: usize| values[b * dims.n_total + dims.offset + i];
    let active = |&i: &usize| (0..dims.batch).any(|b| at(b, i) != T::ZERO);
    let rows: Vec<usize> = (0..rule.n_pre()).filter(active).collect();
    each_block(rule, &rows, false, |rows, block| {
        let spikes: Vec<T> = (0..dims.batch).flat_map(|b| rows.iter().map(move |&i| at(b, i))).collect();
        let part = Dims { n_total: rows.len(), offset: 0, ..dims };
        scatter(part, Spikes::Float(&spikes), &block.weight, &stored(block)?, &timed(ring, block), target)
    })
}

/// `out[b, i]` = the sum of w times `ct[b, j]` over the synapses of row i: the transpose of
/// [`procedural_scatter`].
///
/// # Errors
/// As [`gather`].
pub fn procedural_gather<T: Float>(
    dims: Dims,
    ct: &[T],
    rule: &Procedural<'_>,
    ring: &Ring<'_>,
    out: &mut [T],
) -> Result<()> {
    length("result", out.len(), dims.batch * rule.n_pre())?;
    length("cotangent", ct.len(), dims.batch * ring.slots * rule.n_post())?;
    check(dims, rule, ring)?;
    let rows: Vec<usize> = (0..rule.n_pre()).collect();
    let mut sums = Vec::new();
    each_block(rule, &rows, true, |rows, block| {
        let n = rows.len();
        sums.resize(dims.batch * n, T::ZERO);
        gather(dims, ct, &block.weight, &stored(block)?, &timed(ring, block), &mut sums[..dims.batch * n])?;
        for b in 0..dims.batch {
            out[b * rule.n_pre() + rows[0]..][..n].copy_from_slice(&sums[b * n..][..n]);
        }
        Ok(())
    })
}

/// Checks what does not depend on the block: that values begin at the first row, and that all delays fit.
fn check(dims: Dims, rule: &Procedural<'_>, ring: &Ring<'_>) -> Result<()> {
    length("values", dims.n_total, rule.n_pre() + dims.offset)?;
    ring.check(dims, 0)?;
    rule.check_delays(ring.slots)
}

/// Makes the rows, several blocks at a time if there are threads, and calls `deliver` with each block in order.
fn each_block<T: Float>(
    rule: &Procedural<'_>,
    rows: &[usize],
    ordered: bool,
    mut deliver: impl FnMut(&[usize], &Block<T>) -> Result<()>,
) -> Result<()> {
    let (length, threads) = (rule.mean_length(), threads::get());
    let fit = (BLOCK / length).max(1);
    for group in rows.chunks(fit * threads) {
        let parts: Vec<_> = group.chunks(group.len().div_ceil(threads)).collect();
        let blocks: Vec<OnceLock<Result<Block<T>>>> = parts.iter().map(|_| OnceLock::new()).collect();
        threads::ranges(parts.len(), group.len() * length >= PARALLEL, |range| {
            for k in range {
                blocks[k].get_or_init(|| rule.block(parts[k], ordered));
            }
        });
        for (rows, block) in parts.iter().zip(&blocks) {
            let made = block.get_or_init(|| rule.block(rows, ordered));
            deliver(rows, made.as_ref().map_err(Clone::clone)?)?;
        }
    }
    Ok(())
}

fn stored<T>(block: &Block<T>) -> Result<Rows<'_>> {
    let rows = Rows::new(Indices::U32(&block.indices), Indptr::I64(&block.indptr), block.indptr.len() - 1)?;
    Ok(rows.sorted(block.ordered))
}

fn timed<'a, T>(ring: &Ring<'a>, block: &'a Block<T>) -> Ring<'a> {
    let delays = if block.delay.is_empty() { ring.delays } else { Delays::U16(&block.delay) };
    Ring { delays, ..*ring }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::{Draw, Family, Number, Own, Rule, Spec};

    fn spec(rule: Rule<'_>) -> Spec<'_> {
        let draw = |family, a, b| Draw { family, a, b, part: [0.0, 1.0], bounds: [0.0, 20.0] };
        Spec {
            rule,
            own: Own::SAME,
            seed: 7,
            n_pre: 401,
            n_post: 401,
            targets: 0..401,
            weight: Some(draw(Family::Normal, 1.0, 0.3)),
            delay: Some(draw(Family::Uniform, 1.0, 6.0)),
            wide: false,
        }
    }

    /// The sums of both kernels along the synapses of all rows at once, and block by block.
    #[test]
    fn blocks_and_threads_do_not_matter() {
        let number = Number { num: 37, multapses: true };
        let dims = Dims { batch: 2, n_total: 401, offset: 0, n_post: 401 };
        let values: Vec<f32> =
            (0..802).map(|k: i32| if k % 3 == 0 { (k as f32).sin() } else { 0.0 }).collect();
        for rule in
            [Rule::OneToOne, Rule::AllToAll, Rule::FixedProb { prob: 0.1 }, Rule::FixedOutDegree(number)]
        {
            for (weighted, delayed) in [(false, false), (true, false), (true, true)] {
                let all = spec(rule);
                let weight = all.weight.filter(|_| weighted);
                let spec = Spec { weight, delay: all.delay.filter(|_| delayed), ..all };
                let rule = Procedural::new(spec.clone()).expect("fits");
                let ring = if delayed { Ring { slots: 8, cursor: &[3], ..Ring::NONE } } else { Ring::NONE };
                let block = rule.block::<f32>(&(0..401).collect::<Vec<_>>(), true).expect("memory");
                let (rows, later) = (stored(&block).expect("rows"), timed(&ring, &block));
                let (mut wanted, mut sums) = (vec![0.5; 802 * ring.slots], vec![0.0; 802]);
                scatter(dims, Spikes::Float(&values), &block.weight, &rows, &later, &mut wanted)
                    .expect("fits");
                gather(dims, &wanted, &block.weight, &rows, &later, &mut sums).expect("fits");
                for n in 1..=3 {
                    threads::set(n).expect("few threads");
                    let (mut target, mut out) = (vec![0.5; 802 * ring.slots], vec![9.0; 802]);
                    procedural_scatter(dims, &values, &rule, &ring, &mut target).expect("fits");
                    procedural_gather(dims, &target, &rule, &ring, &mut out).expect("fits");
                    assert!(target == wanted && out == sums, "{spec:?} on {n} threads");
                }
                threads::set(0).expect("few threads");
            }
        }
    }

    #[test]
    fn rules_by_target_and_wrong_lengths_are_refused() {
        let number = Number { num: 3, multapses: true };
        assert!(Procedural::new(spec(Rule::FixedInDegree(number))).is_err());
        let rule = Procedural::new(spec(Rule::OneToOne)).expect("fits");
        let dims = Dims { batch: 1, n_total: 401, offset: 0, n_post: 401 };
        assert!(procedural_scatter(dims, &[0.0f32; 400], &rule, &Ring::NONE, &mut [0.0; 401]).is_err());
        assert!(procedural_scatter(dims, &[0.0f32; 401], &rule, &Ring::NONE, &mut [0.0; 400]).is_err());
        assert!(procedural_gather(dims, &[0.0f32; 401], &rule, &Ring::NONE, &mut [0.0; 400]).is_err());
    }
}
