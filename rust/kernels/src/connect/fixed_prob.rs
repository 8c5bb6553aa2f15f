//! Every pair is connected with the same probability, independently.

use super::choice::{Choice, Seen, leave_out};
use super::functions::{ln, ln_of_complement};
use super::room::{extend, push};
use super::rows::{Lengths, Partners};
use crate::error::{Error, Result};
use crate::random::Stream;

pub(crate) struct FixedProb<'a> {
    choice: Choice<'a>,
    prob: f64,
    /// The logarithm of the probability of no synapse.
    ln_none: f64,
}

impl<'a> FixedProb<'a> {
    pub(crate) fn new(choice: Choice<'a>, prob: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&prob) {
            return Err(Error::Rule("a probability lies between 0 and 1"));
        }
        let ln_none = if prob < 1.0 { ln_of_complement(prob) } else { 0.0 };
        Ok(Self { choice, prob, ln_none })
    }
}

impl Partners for FixedProb<'_> {
    fn lengths(&self) -> Lengths<'_> {
        Lengths::Drawn
    }

    fn list(&self, i: usize, _: &mut Seen, partners: &mut Vec<u32>) -> Result<()> {
        let (start, size) = (partners.len(), self.choice.available(i));
        if self.prob == 1.0 {
            extend(partners, 0..size)?;
        } else if self.prob > 0.0 {
            let mut stream = Stream::new(self.choice.seed, i as u64, self.choice.purpose);
            let mut next = 0;
            loop {
                // The number of pairs without a synapse before the next with one is geometric.
                let gap = ln(stream.unit()) / self.ln_none;
                if gap >= f64::from(size - next) {
                    break;
                }
                next += gap as u32;
                push(partners, next)?;
                next += 1;
            }
        }
        if let Some(own) = self.choice.own(i) {
            leave_out(own, &mut partners[start..]);
        }
        Ok(())
    }
}
