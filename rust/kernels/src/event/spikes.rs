//! Spikes of a population, and how many they are.

use crate::lane::{Float, Lane};

/// Spikes: row-major (batch, total).
#[derive(Debug, Clone, Copy)]
pub enum Spikes<'a, T> {
    /// Graded; 0 is no spike.
    Float(&'a [T]),
    /// Graded, and rounded to bfloat16 when a value is used.
    Rounded(&'a [T]),
    /// Bytes; 0 is no spike.
    Bool(&'a [u8]),
}

impl<T> Spikes<'_, T> {
    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Float(s) | Self::Rounded(s) => s.len(),
            Self::Bool(s) => s.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies them as numbers.
    pub(super) fn write_to(&self, out: &mut [T])
    where
        T: Float,
    {
        match self {
            Self::Float(s) => out.copy_from_slice(s),
            Self::Rounded(s) => {
                for (x, y) in out.iter_mut().zip(*s) {
                    *x = y.to_bf16();
                }
            }
            Self::Bool(s) => {
                for (x, &byte) in out.iter_mut().zip(*s) {
                    *x = if byte == 0 { T::ZERO } else { T::ONE };
                }
            }
        }
    }

    /// The value at a place that spikes.
    #[inline(always)]
    pub(super) fn value(&self, at: usize) -> T
    where
        T: Float,
    {
        match self {
            Self::Float(s) => s[at],
            Self::Rounded(s) => s[at].to_bf16(),
            Self::Bool(_) => T::ONE,
        }
    }

    /// `n` of them from `start` on.
    ///
    /// # Panics
    /// If there are fewer.
    #[must_use]
    pub fn part(&self, start: usize, n: usize) -> Self {
        match self {
            Self::Float(s) => Self::Float(&s[start..start + n]),
            Self::Rounded(s) => Self::Rounded(&s[start..start + n]),
            Self::Bool(s) => Self::Bool(&s[start..start + n]),
        }
    }
}

/// Spikes of a step for which there is room at once.
pub(super) const MANY: usize = 64;

/// The elements that are not 0, as bits; NaN counts as a spike.
#[inline(always)]
pub(crate) fn not_zero<L: Lane>(lane: L) -> u32 {
    L::bits(lane.ne(L::splat(L::Elem::ZERO)))
}
