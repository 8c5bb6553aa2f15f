//! Builds the rows of a rule in parallel: count, then fill.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::Spec;
use super::array::{Array, Column};
use super::choice::Seen;
use super::room::{filled, reserve};
use super::row::Row;
use super::store::{Store, Synapses};
use crate::error::{Error, Result};
use crate::threads;

/// From so many synapses on, several threads are faster than one.
pub(crate) const PARALLEL: usize = 100_000;

/// How many partners each neuron has.
pub(crate) enum Lengths<'a> {
    /// All this many.
    Equal(usize),
    /// Each its own number.
    Each(&'a [usize]),
    /// It takes a draw to know.
    Drawn,
}

/// A connection rule: the partners of each neuron, as a function of the seed and of its number.
pub(crate) trait Partners: Sync {
    /// How many partners each neuron has.
    fn lengths(&self) -> Lengths<'_>;

    /// Whether the rule draws the sources of a target rather than the targets of a source.
    fn by_target(&self) -> bool {
        false
    }

    /// How many of the wanted partners neuron `i` has, where it takes a draw to know. `partners` is room for a list.
    ///
    /// # Errors
    /// If memory is short.
    fn count(&self, i: usize, seen: &mut Seen, partners: &mut Vec<u32>) -> Result<usize> {
        partners.clear();
        self.list(i, seen, partners)?;
        Ok(partners.len())
    }

    /// Appends the wanted partners of neuron `i` in any order, the same every time. `seen` is empty and stays so.
    ///
    /// # Errors
    /// If memory is short.
    fn list(&self, i: usize, seen: &mut Seen, partners: &mut Vec<u32>) -> Result<()>;

    /// As [`Partners::list`], without any effort for the order, where nobody sorts them.
    ///
    /// # Errors
    /// If memory is short.
    fn list_unsorted(&self, i: usize, seen: &mut Seen, partners: &mut Vec<u32>) -> Result<()> {
        self.list(i, seen, partners)
    }
}

/// Where each row begins.
pub(crate) enum Starts {
    Equal { rows: usize, length: usize },
    Each(Vec<usize>),
}

impl Starts {
    pub(crate) fn of_lengths(lengths: impl ExactSizeIterator<Item = usize>) -> Result<Self> {
        let mut starts = Vec::new();
        reserve(&mut starts, lengths.len() + 1)?;
        starts.push(0);
        let mut sum = 0;
        starts.extend(lengths.map(|length| {
            sum += length;
            sum
        }));
        Ok(Self::Each(starts))
    }

    pub(crate) fn row(&self, i: usize) -> Range<usize> {
        match self {
            Self::Equal { length, .. } => i * length..(i + 1) * length,
            Self::Each(starts) => starts[i]..starts[i + 1],
        }
    }

    pub(crate) fn total(&self) -> Result<usize> {
        match self {
            Self::Equal { rows, length } => {
                rows.checked_mul(*length).ok_or(Error::Memory { bytes: usize::MAX })
            }
            Self::Each(starts) => Ok(starts[starts.len() - 1]),
        }
    }

    /// `indptr` as it is stored: empty if rows are equally long.
    pub(crate) fn indptr(&self) -> Result<Column> {
        let Self::Each(starts) = self else {
            return Ok(Column::I32(Array::new(0)?));
        };
        let values = starts.iter();
        Ok(if i32::try_from(self.total()?).is_ok() {
            let array = Array::new(starts.len())?;
            // SAFETY: nobody else has the array yet.
            unsafe { array.put(0, values.map(|&x| x as i32)) };
            Column::I32(array)
        } else {
            let array = Array::new(starts.len())?;
            // SAFETY: as above.
            unsafe { array.put(0, values.map(|&x| x as i64)) };
            Column::I64(array)
        })
    }
}

/// All synapses of a rule.
pub(crate) fn build(rule: &dyn Partners, spec: &Spec) -> Result<Synapses> {
    if rule.by_target() { columns(rule, spec) } else { rows(rule, spec) }
}

/// Calls `visit` with each of these neurons and its partners, on several threads if there is much to do.
fn each(
    rule: &dyn Partners,
    neurons: Range<u32>,
    parallel: bool,
    visit: impl Fn(u32, &[u32]) + Sync,
) -> Result<()> {
    threads::try_ranges(neurons.len(), parallel, |range| {
        let (mut seen, mut partners) = (Seen::default(), Vec::new());
        for j in range.map(|k| neurons.start + k as u32) {
            partners.clear();
            rule.list(j as usize, &mut seen, &mut partners)?;
            visit(j, &partners);
        }
        Ok(())
    })
}

fn rows(rule: &dyn Partners, spec: &Spec) -> Result<Synapses> {
    let n = spec.n_pre;
    let starts = match rule.lengths() {
        Lengths::Equal(length) => Starts::Equal { rows: n, length },
        Lengths::Each(lengths) => Starts::of_lengths(lengths.iter().copied())?,
        Lengths::Drawn => {
            let lengths = filled(n, || AtomicU32::new(0))?;
            threads::try_ranges(n, n * spec.targets.len() >= PARALLEL, |range| {
                let (mut seen, mut partners) = (Seen::default(), Vec::new());
                for i in range {
                    let length = rule.count(i, &mut seen, &mut partners)?;
                    lengths[i].store(length as u32, Ordering::Relaxed);
                }
                Ok(())
            })?;
            Starts::of_lengths(lengths.into_iter().map(|x| x.into_inner() as usize))?
        }
    };
    let store = Store::new(spec, starts)?;
    threads::try_ranges(n, store.len() >= PARALLEL, |range| {
        let (mut seen, mut row) = (Seen::default(), Row::default());
        for i in range {
            row.targets.clear();
            rule.list(i, &mut seen, &mut row.targets)?;
            // SAFETY: every row is in one range only.
            unsafe { store.put(i, &mut row)? };
        }
        Ok(())
    })?;
    store.finish()
}

/// Draws by target what is stored by source: counts, scatters the targets over the rows in any
/// order, and then orders each row.
fn columns(rule: &dyn Partners, spec: &Spec) -> Result<Synapses> {
    let n = spec.n_pre;
    let parallel = n * spec.targets.len() >= PARALLEL;
    let counts = filled(n, || AtomicUsize::new(0))?;
    each(rule, spec.targets.clone(), parallel, |_, sources| {
        for &i in sources {
            counts[i as usize].fetch_add(1, Ordering::Relaxed);
        }
    })?;
    let starts = Starts::of_lengths(counts.iter().map(|x| x.load(Ordering::Relaxed)))?;
    for (i, next) in counts.iter().enumerate() {
        next.store(starts.row(i).start, Ordering::Relaxed);
    }
    let store = Store::new(spec, starts)?;
    each(rule, spec.targets.clone(), parallel, |j, sources| {
        for &i in sources {
            let place = counts[i as usize].fetch_add(1, Ordering::Relaxed);
            // SAFETY: the counter gave this place to nobody else.
            unsafe { store.scatter(place, j) };
        }
    })?;
    threads::try_ranges(n, parallel, |range| {
        let mut row = Row::default();
        for i in range {
            // SAFETY: every row is in one range only, and the draws were the same as when counted.
            unsafe {
                store.get(i, &mut row.targets)?;
                store.put(i, &mut row)?;
            }
        }
        Ok(())
    })?;
    store.finish()
}
