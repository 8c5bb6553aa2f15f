//! The shape of a population.

/// A population's layout: `batch` rows of `n` neurons, row-major.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Rows.
    pub batch: usize,
    /// Neurons a row.
    pub n: usize,
}

impl Shape {
    /// Number of elements.
    #[inline]
    #[must_use]
    pub fn len(self) -> usize {
        self.batch * self.n
    }

    /// Whether there is nothing to compute.
    #[inline]
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}
