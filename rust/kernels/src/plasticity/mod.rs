//! Plasticity: synapses whose source or target had an event change their weight.
//!
//! A rule leaves one number for each neuron; only these kernels touch synapses. With events s and r,
//! coefficients a and b, and a law F for each side:
//!
//! ```text
//! rows:    w[i, j] ← clip(w[i, j] + s[i] a[j] F(w[i, j]))    for s[i] ≠ 0
//! columns: w[i, j] ← clip(w[i, j] + r[j] b[i] F(w[i, j]))    for r[j] ≠ 0
//! ```
//!
//! A column is a cache line from memory for each synapse. Where b only decays between events of its source,
//! [`learn`] lets events of targets wait until a row is walked, which is a cache line for sixteen.

use crate::error::Result;
use crate::event::{Hit, Rows, Spikes, find};
use crate::lane::Float;

mod along;
mod columns;
mod eligibility;
mod law;
mod learn;
mod lines;
mod pending;
mod reinforce;
mod rows;
mod sources;
mod step;
#[cfg(test)]
mod tests;

pub use columns::update_columns;
pub use eligibility::{Elapsed, credit_columns, flush_rows};
pub use law::{Dependence, Law};
pub use learn::{Side, learn};
pub use lines::{Lines, Since, credit_arriving, credit_delayed, update_arriving, update_delayed};
pub use pending::{Pending, SLOTS};
pub use reinforce::{Moment, reinforce};
pub use rows::update_rows;
pub use sources::{Columns, Sources};
pub use step::{Delivery, Synapses, Walked};

/// The neurons that have an event, and the number of their synapses; refuses rows that overlap.
fn found<T: Float>(events: Spikes<'_, T>, rows: &Rows<'_>) -> Result<(Vec<Hit<T>>, usize)> {
    let hits = find(events, |_| ());
    let (mut end, mut synapses) = (0, 0);
    for hit in &hits {
        let row = rows.row(hit.row)?;
        if row.start < end {
            return Err(rows.misfit(hit.row));
        }
        end = row.end;
        synapses += row.len();
    }
    Ok((hits, synapses))
}

/// Runs `$body` with the dependence of a law as the constant `$d`.
macro_rules! by_dependence {
    ($law:expr, $d:ident => $body:expr) => {
        match $law.dependence {
            $crate::plasticity::Dependence::None => {
                const $d: u8 = 0;
                $body
            }
            $crate::plasticity::Dependence::Linear => {
                const $d: u8 = 1;
                $body
            }
            $crate::plasticity::Dependence::Power => {
                const $d: u8 = 2;
                $body
            }
        }
    };
}
use by_dependence;
