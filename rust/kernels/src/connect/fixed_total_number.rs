//! A total number of synapses, each between a pair drawn uniformly: first the number of each source is drawn.

use super::block_rows::{BlockRows, Number, TargetBlocks};
use super::choice::Choice;
use super::purpose;
use super::room::{filled, push, reserve};
use super::rows::PARALLEL;
use super::tree::Tree;
use crate::error::{Error, Result};
use crate::shared::Shared;
use crate::threads;

/// Sources whose numbers one thread draws at a time.
const TOGETHER: usize = 1024;

pub(crate) fn fixed_total_number(
    choice: Choice<'_>,
    n_pre: u32,
    num: usize,
    blocks: TargetBlocks,
) -> Result<BlockRows<'_>> {
    let before = pairs_before(choice, n_pre)?;
    let pairs = before[n_pre as usize];
    if num > 0 && (pairs == 0 || (!choice.multapses && num as u64 > pairs)) {
        let available = usize::try_from(pairs).unwrap_or(usize::MAX);
        return Err(Error::Targets { given: num, available });
    }
    let numbers = numbers_of_sources(choice, num, &before)?;
    Ok(BlockRows::new(choice, Number::Each(numbers), blocks))
}

/// How many pairs of neurons there are of the sources before each, and of all.
fn pairs_before(choice: Choice<'_>, n_pre: u32) -> Result<Vec<u64>> {
    let mut before = Vec::new();
    reserve(&mut before, n_pre as usize + 1)?;
    let mut sum = 0;
    push(&mut before, 0)?;
    for i in 0..n_pre as usize {
        sum += u64::from(choice.available(i));
        push(&mut before, sum)?;
    }
    Ok(before)
}

fn numbers_of_sources(choice: Choice<'_>, num: usize, before: &[u64]) -> Result<Vec<usize>> {
    let n = before.len() - 1;
    let (seed, repeats, parts) = (choice.seed, choice.multapses, n as u32);
    let tree = Tree { seed, purpose: purpose::SOURCES, repeats, parts };
    let mut numbers = filled(n, || 0)?;
    let shared = &Shared::new(&mut numbers);
    threads::try_ranges(n.div_ceil(TOGETHER), num >= PARALLEL, |range| {
        let wanted = (range.start * TOGETHER).min(n)..(range.end * TOGETHER).min(n);
        // SAFETY: the ranges of threads are disjoint.
        let own = unsafe { shared.part(wanted.start, wanted.end - wanted.start) };
        let wanted = wanted.start as u32..wanted.end as u32;
        tree.each(0, num as u64, &wanted, &|i| before[i as usize], &mut |i, number| {
            own[(i - wanted.start) as usize] = number as usize;
            Ok(())
        })
    })?;
    Ok(numbers)
}
