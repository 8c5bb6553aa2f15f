//! Event propagation: work grows with the spikes, not with the synapses stored.

use crate::error::{Error, Result};
use crate::lane::Float;

mod calendar;
mod collect;
mod conv;
mod conv_events;
mod conv_outer;
mod dense;
mod dense_outer;
mod gather;
mod history;
mod outer;
mod places;
mod procedural;
mod relay;
mod ring;
mod rows;
mod scatter;
mod search;
mod spike_queue;
mod spikes;
mod tile;
mod windows;

pub use calendar::Calendar;
pub use collect::collect;
pub use conv::conv_product;
pub use conv_outer::conv_outer;
pub(crate) use dense::Factor;
pub use dense::{Dense, dense_product};
pub use dense_outer::dense_outer;
pub use gather::gather;
pub use history::{History, Steps, deliver_arriving, record};
pub use outer::outer;
pub use places::{find_ones, ones_of_bits};
pub use procedural::{procedural_gather, procedural_scatter};
pub use relay::{Past, relay};
pub use ring::{Delays, Ring};
pub use rows::{Bounded, Index, Indices, Indptr, Names, Rows};
pub use scatter::{scatter, scatter_found};
pub use spike_queue::{SpikeQueue, Starts, deliver, enqueue, enqueue_found, starts};
pub use spikes::Spikes;
pub use windows::{Axis, Conv};

// What plasticity walks synapses with, and recorders look for spikes with.
pub(crate) use rows::{prefetch, prefetch_one};
pub(crate) use search::{Hit, each_spike, find};
pub(crate) use spikes::not_zero;

/// The sizes of a propagation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dims {
    /// Batch rows.
    pub batch: usize,
    /// Spikes a batch row, of which …
    pub n_total: usize,
    /// … those from here on belong to the connectivity's rows.
    pub offset: usize,
    /// Target neurons.
    pub n_post: usize,
}

impl Dims {
    fn check<T: Float>(&self, spikes: &Spikes<'_, T>, n_pre: usize) -> Result<()> {
        length("spikes", spikes.len(), self.batch * self.n_total)?;
        self.check_rows(n_pre)
    }

    /// Of these elements, in order, those that belong to the connectivity's rows.
    fn own<'a>(&self, spikes: &'a [u32], n_pre: usize) -> &'a [u32] {
        let before = |end: usize| spikes.partition_point(|&k| (k as usize) < end);
        &spikes[before(self.offset)..before(self.offset + n_pre)]
    }

    fn check_rows(&self, n_pre: usize) -> Result<()> {
        if self.offset + n_pre > self.n_total {
            return Err(Error::Length { name: "spikes", given: self.n_total, expected: self.offset + n_pre });
        }
        Ok(())
    }
}

pub(crate) fn length(name: &'static str, given: usize, expected: usize) -> Result<()> {
    if given == expected { Ok(()) } else { Err(Error::Length { name, given, expected }) }
}

/// One weight for all synapses, or one each.
#[derive(Debug, Clone, Copy)]
enum Weight<'a, T> {
    Same(T),
    Each(&'a [T]),
}

impl<'a, T: Float> Weight<'a, T> {
    /// A single stored synapse has a weight of its own; that is the same thing.
    fn of(weight: &'a [T], nnz: usize) -> Result<Self> {
        match weight {
            [w] => Ok(Self::Same(*w)),
            each => {
                length("weight", each.len(), nnz)?;
                Ok(Self::Each(each))
            }
        }
    }
}
