//! Plasticity: synapses whose source or target had an event change their weight.
//!
//! A rule leaves one number for each neuron; only these kernels touch synapses. With events s and r,
//! coefficients a and b, and a law F for each side:
//!
//! ```text
//! rows:    w[i, j] ← clip(w[i, j] + s[i] a[j] F(w[i, j]))    for s[i] ≠ 0
//! columns: w[i, j] ← clip(w[i, j] + r[j] b[i] F(w[i, j]))    for r[j] ≠ 0
//! ```

use crate::error::{Error, Result};
use crate::event::{Hit, Rows, Spikes, find};
use crate::lane::Float;

mod columns;
mod eligibility;
mod law;
mod rows;

pub use columns::{Sources, update_columns};
pub use eligibility::{Elapsed, settle_rows};
pub use law::{Dependence, Law};
pub use rows::update_rows;

/// The neurons that have an event, and the number of their synapses; refuses rows that overlap.
fn found<T: Float>(events: Spikes<'_, T>, rows: &Rows<'_>) -> Result<(Vec<Hit<T>>, usize)> {
    let hits = find(events, |_| ());
    let (mut end, mut synapses) = (0, 0);
    for hit in &hits {
        let row = rows.row(hit.row)?;
        if row.start < end {
            return Err(Error::Row { row: hit.row, size: rows.nnz() });
        }
        end = row.end;
        synapses += row.len();
    }
    Ok((hits, synapses))
}

/// Dispatches the job that `$job` makes for the dependence of a law, which the compiler then knows.
macro_rules! by_dependence {
    ($law:expr, $job:expr) => {
        match $law.dependence {
            Dependence::None => dispatch($job(Const::<0>)),
            Dependence::Linear => dispatch($job(Const::<1>)),
            Dependence::Power => dispatch($job(Const::<2>)),
        }
    };
}
use by_dependence;

/// A dependence as a type.
#[derive(Clone, Copy)]
struct Const<const D: u8>;
