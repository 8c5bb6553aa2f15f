//! Receptors: synaptic state that is part of the neuron's pass.

use crate::error::{Error, Result};
use crate::neuron::{Drive, Read};
use crate::real::Real;

/// The most states that a receptor has.
pub(crate) const MAX_STATE: usize = 1;

/// A kind of receptor.
///
/// Its contribution is a voltage: `scale` holds the membrane's resistance. Its state arrives
/// with this step's input added and leaves decayed, so that propagation adds to it in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receptor {
    /// Exponential conductance: scale g (E − V).
    ExponCoba,
    /// Exponential current: scale g.
    ExponCuba,
}

impl Receptor {
    /// In the order of their codes.
    const ALL: [Self; 2] = [Self::ExponCoba, Self::ExponCuba];

    /// The kind with this code.
    ///
    /// # Errors
    /// If there is none.
    pub fn from_code(code: i32) -> Result<Self> {
        let found = usize::try_from(code).ok().and_then(|code| Self::ALL.get(code));
        found.copied().ok_or(Error::Code { what: "receptor", given: code.into() })
    }

    /// Names of its parameters.
    #[must_use]
    pub const fn params(self) -> &'static [&'static str] {
        match self {
            Self::ExponCoba => &["decay", "scale", "E"],
            Self::ExponCuba => &["decay", "scale"],
        }
    }

    /// Names of its states.
    #[must_use]
    pub const fn state(self) -> &'static [&'static str] {
        match self {
            Self::ExponCoba | Self::ExponCuba => &["g"],
        }
    }

    /// Adds its voltage at `v`, and the derivative of that by `v`.
    #[inline(always)]
    pub(crate) fn drive<T: Real>(self, v: T, p: &impl Read<T>, s: &impl Read<T>, drive: &mut Drive<T>) {
        match self {
            Self::ExponCoba => {
                let conductance = p.read(1) * s.read(0);
                drive.volt = conductance.mul_add(p.read(2) - v, drive.volt);
                drive.slope = drive.slope - conductance;
            }
            Self::ExponCuba => drive.volt = p.read(1).mul_add(s.read(0), drive.volt),
        }
    }

    /// Its states at the end of the step; as many count as it has.
    #[inline(always)]
    pub(crate) fn advance<T: Real>(self, p: &impl Read<T>, s: &impl Read<T>) -> [T; MAX_STATE] {
        match self {
            Self::ExponCoba | Self::ExponCuba => [s.read(0) * p.read(0)],
        }
    }
}
