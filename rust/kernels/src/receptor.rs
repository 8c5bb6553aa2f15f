//! Receptors: synaptic state that is part of the neuron's pass.

use crate::error::{Error, Result};
use crate::neuron::{Drive, Read};
use crate::real::Real;

/// The most states that a receptor has.
pub(crate) const MAX_STATE: usize = 2;

/// How a conductance follows what arrives. Arrivals are added to the first state before a step;
/// the step leaves its states decayed, so that propagation adds to them in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dynamics {
    /// g jumps and decays.
    Expon,
    /// h jumps and decays, and feeds g, which decays: a difference of exponentials.
    Cascade,
}

/// What a conductance does to the membrane. Its contribution is a voltage: `scale` holds the
/// membrane's resistance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// scale g (E − V).
    Coba,
    /// scale g.
    Cuba,
    /// scale g (E − V) / (1 + c exp(−alpha V)): a channel that magnesium blocks.
    Mg,
}

/// A kind of receptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receptor {
    /// What its conductance does in time.
    pub dynamics: Dynamics,
    /// What it does to the membrane.
    pub output: Output,
}

impl Dynamics {
    const ALL: [Self; 2] = [Self::Expon, Self::Cascade];

    const fn params(self) -> usize {
        match self {
            Self::Expon => 1,
            Self::Cascade => 3,
        }
    }

    #[inline(always)]
    fn conductance<T: Real>(self, s: &impl Read<T>) -> T {
        match self {
            Self::Expon => s.read(0),
            Self::Cascade => s.read(1),
        }
    }
}

impl Output {
    const ALL: [Self; 3] = [Self::Coba, Self::Cuba, Self::Mg];
}

impl Receptor {
    /// All kinds, in the order of their codes.
    pub const ALL: [Self; 6] = {
        let mut all = [Self { dynamics: Dynamics::Expon, output: Output::Coba }; 6];
        let mut code = 0;
        while code < all.len() {
            let (dynamics, output) = (Dynamics::ALL[code / 3], Output::ALL[code % 3]);
            all[code] = Self { dynamics, output };
            code += 1;
        }
        all
    };

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
        match (self.dynamics, self.output) {
            (Dynamics::Expon, Output::Coba) => &["decay", "scale", "E"],
            (Dynamics::Expon, Output::Cuba) => &["decay", "scale"],
            (Dynamics::Expon, Output::Mg) => &["decay", "scale", "E", "alpha", "c"],
            (Dynamics::Cascade, Output::Coba) => &["decay_h", "decay", "feed", "scale", "E"],
            (Dynamics::Cascade, Output::Cuba) => &["decay_h", "decay", "feed", "scale"],
            (Dynamics::Cascade, Output::Mg) => &["decay_h", "decay", "feed", "scale", "E", "alpha", "c"],
        }
    }

    /// Names of its states.
    #[must_use]
    pub const fn state(self) -> &'static [&'static str] {
        match self.dynamics {
            Dynamics::Expon => &["g"],
            Dynamics::Cascade => &["h", "g"],
        }
    }

    /// Whether what it does depends on V.
    #[must_use]
    pub(crate) fn conducts(self) -> bool {
        self.output != Output::Cuba
    }

    /// Adds its voltage at `v`, and the derivative of that by `v`.
    #[inline(always)]
    pub(crate) fn drive<T: Real>(self, v: T, p: &impl Read<T>, s: &impl Read<T>, drive: &mut Drive<T>) {
        let at = self.dynamics.params();
        let open = p.read(at) * self.dynamics.conductance(s);
        if self.output == Output::Cuba {
            drive.volt = drive.volt + open;
            return;
        }
        let distance = p.read(at + 1) - v;
        if self.output == Output::Coba {
            drive.volt = open.mul_add(distance, drive.volt);
            drive.slope = drive.slope - open;
            return;
        }
        let (alpha, c, one) = (p.read(at + 2), p.read(at + 3), T::constant(1.0));
        let unblocked = one / c.mul_add((-(alpha * v)).exp(), one);
        let (open, bend) = (open * unblocked, alpha * (one - unblocked));
        drive.volt = open.mul_add(distance, drive.volt);
        drive.slope = open.mul_add(bend.mul_add(distance, -one), drive.slope);
    }

    /// Its states at the end of the step; as many count as it has.
    #[inline(always)]
    pub(crate) fn advance<T: Real>(self, p: &impl Read<T>, s: &impl Read<T>) -> [T; MAX_STATE] {
        match self.dynamics {
            Dynamics::Expon => {
                let g = s.read(0) * p.read(0);
                [g, g]
            }
            Dynamics::Cascade => {
                let (h, g) = (s.read(0), s.read(1));
                [h * p.read(0), p.read(2).mul_add(h, g * p.read(1))]
            }
        }
    }
}
