//! What runs programs on this machine.

/// What runs a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The interpreter.
    Interpreter,
    /// Machine code of AVX2 and FMA.
    Avx2,
    /// Machine code of AVX-512.
    Avx512,
}

impl Level {
    /// The name that users see.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Interpreter => "interpreter",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// The best of this machine.
    #[must_use]
    pub fn best() -> Self {
        Self::Interpreter
    }
}
