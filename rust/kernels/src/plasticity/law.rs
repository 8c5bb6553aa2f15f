//! How a change depends on the weight, and the bounds of weights.

use crate::error::{Error, Result};
use crate::lane::Float;

/// The form of the dependence on u = (w − origin)·scale, the distance to a bound in units of their distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependence {
    /// Additive: F = 1.
    None,
    /// Multiplicative: F = u.
    Linear,
    /// A power law: F = u^exponent.
    Power,
}

impl Dependence {
    /// The dependence with a code.
    ///
    /// # Errors
    /// If there is none.
    pub fn of(code: i64) -> Result<Self> {
        match code {
            0 => Ok(Self::None),
            1 => Ok(Self::Linear),
            2 => Ok(Self::Power),
            given => Err(Error::Code { what: "dependence on the weight", given }),
        }
    }
}

/// The law of one side.
#[derive(Debug, Clone, Copy)]
pub struct Law<T> {
    low: T,
    high: T,
    origin: T,
    scale: T,
    exponent: T,
    pub(super) dependence: Dependence,
}

impl<T: Float> Law<T> {
    /// The law of the numbers `low, high, origin, scale, exponent`.
    ///
    /// # Errors
    /// If there are not five.
    pub fn new(numbers: &[T], dependence: Dependence) -> Result<Self> {
        match *numbers {
            [low, high, origin, scale, exponent] => {
                Ok(Self { low, high, origin, scale, exponent, dependence })
            }
            _ => Err(Error::Length { name: "law", given: numbers.len(), expected: 5 }),
        }
    }

    /// The weight after a change, in its bounds. `D` is the dependence.
    #[inline(always)]
    pub(super) fn changed<const D: u8>(&self, w: T, change: T) -> T {
        let u = (w + T::from_f64(-1.0) * self.origin) * self.scale;
        let u = if u < T::ZERO { T::ZERO } else { u };
        let w = match D {
            0 => w + change,
            1 => w + change * u,
            _ => w + change * T::from_f64(u.to_f64().powf(self.exponent.to_f64())),
        };
        let w = if w < self.low { self.low } else { w };
        if w > self.high { self.high } else { w }
    }
}
