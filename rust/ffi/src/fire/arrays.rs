//! The arrays of spikes and counts, of which a step touches only the elements of neurons that spike.

use super::WORD;
use super::of_bits::{Bits, Place};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::operand::in_place;

/// Where they stand among operands and results.
#[derive(Debug)]
pub(super) struct Arrays {
    /// The spikes of the last step and those of this one.
    pub(super) spikes: usize,
    pub(super) new: usize,
    /// Operands and results that spikes are added to.
    counts: Vec<[usize; 2]>,
}

impl Arrays {
    pub(super) fn new(frame: Frame) -> Result<Self> {
        let (args, rets) = (frame.arg_count(), frame.ret_count());
        let &[spikes, new] = frame.ints("spikes")? else {
            return Err(Error::invalid("'spikes' are two places"));
        };
        let (spikes, new) = (place(spikes, args)?, place(new, rets)?);
        let pairs = frame.ints("counts")?.chunks_exact(2);
        let counts = pairs.map(|pair| Ok([place(pair[0], args)?, place(pair[1], rets)?]));
        let counts = counts.collect::<Result<Vec<_>>>()?;
        let len = frame.arg(spikes).len();
        if let Some(given) = counts.iter().map(|count| frame.arg(count[0]).len()).find(|&given| given != len)
        {
            return Err(Error::invalid(format!("a count has {given} elements, expected {len}")));
        }
        Ok(Self { spikes, new, counts })
    }

    /// The words that the bits of all neurons take.
    pub(super) fn words(&self, frame: Frame) -> usize {
        frame.arg(self.spikes).len().div_ceil(WORD)
    }

    /// What bits stand for in a program of them.
    pub(super) fn places(&self) -> [Place; 1] {
        [Place { operand: self.spikes, result: Some(self.new) }]
    }

    /// The bits of the spikes.
    pub(super) fn bits<'a>(&self, words: &'a mut [u64]) -> Bits<'a> {
        Bits { place: self.places()[0], words }
    }

    /// Shows which neurons spike, after others did.
    pub(super) fn show(&self, frame: Frame, old: &[u32], fired: &[u32]) -> Result<()> {
        // SAFETY: the operands and results are the runtime's, and this one is not borrowed.
        let values = unsafe { in_place::<f32>(&frame.arg(self.spikes), "spikes", &frame.ret(self.new))? };
        for &k in old {
            values[k as usize] = 0.0;
        }
        for &k in fired {
            values[k as usize] = 1.0;
        }
        for &[from, to] in &self.counts {
            // SAFETY: as above.
            let counts = unsafe { in_place::<f32>(&frame.arg(from), "count", &frame.ret(to))? };
            for &k in fired {
                counts[k as usize] += 1.0;
            }
        }
        Ok(())
    }
}

/// A place among so many.
pub(super) fn place(k: i32, count: usize) -> Result<usize> {
    let place = usize::try_from(k).ok().filter(|&k| k < count);
    place.ok_or_else(|| Error::invalid(format!("there is no operand {k}")))
}
