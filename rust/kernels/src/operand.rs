//! Buffers of a population and how their elements map onto its neurons.

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
    #[must_use]
    pub fn len(self) -> usize {
        self.batch * self.n
    }

    /// Whether there is nothing to compute.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// How a buffer's elements map onto a population.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    /// One value for all.
    Scalar,
    /// One value per neuron, the same in every batch row.
    Neuron,
    /// One value per neuron and batch row.
    Full,
}

impl Operand {
    /// The mapping of a buffer with `elements` elements, if there is one.
    #[must_use]
    pub fn of(elements: usize, shape: Shape) -> Option<Self> {
        if elements == shape.len() {
            Some(Self::Full)
        } else if elements == 1 {
            Some(Self::Scalar)
        } else if elements == shape.n {
            Some(Self::Neuron)
        } else {
            None
        }
    }
}

/// A buffer to read: an argument of a pass.
#[derive(Debug, Clone, Copy)]
pub struct Arg<T> {
    /// First element.
    pub ptr: *const T,
    /// Number of elements.
    pub len: usize,
}

/// A buffer to write: a result of a pass. It may be the buffer of the argument it updates.
#[derive(Debug, Clone, Copy)]
pub struct Ret<T> {
    /// First element.
    pub ptr: *mut T,
    /// Number of elements.
    pub len: usize,
}

impl<T> From<&[T]> for Arg<T> {
    fn from(buffer: &[T]) -> Self {
        Self { ptr: buffer.as_ptr(), len: buffer.len() }
    }
}

impl<T> From<&mut [T]> for Ret<T> {
    fn from(buffer: &mut [T]) -> Self {
        Self { ptr: buffer.as_mut_ptr(), len: buffer.len() }
    }
}
