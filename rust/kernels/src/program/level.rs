//! What runs programs on this machine.

use std::sync::OnceLock;

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

    /// The best of this machine. `SPIKELOOP_JIT`, read once, caps it: 0 stands for the interpreter, or `avx2`, `avx512`.
    #[must_use]
    pub fn best() -> Self {
        static LEVEL: OnceLock<Level> = OnceLock::new();
        *LEVEL.get_or_init(|| {
            let cap = match std::env::var("SPIKELOOP_JIT").as_deref() {
                Ok("0") => Self::Interpreter,
                Ok("avx2") => Self::Avx2,
                _ => Self::Avx512,
            };
            Self::available().into_iter().rev().find(|&level| level <= cap).unwrap_or(Self::Interpreter)
        })
    }

    /// All that this machine has.
    #[must_use]
    pub fn available() -> Vec<Self> {
        #[allow(unused_mut)] // elsewhere there is no other
        let mut levels = vec![Self::Interpreter];
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx2") && has!("fma") && has!("bmi2") && super::jit::is_allowed() {
                levels.push(Self::Avx2);
                if has!("avx512f") && has!("avx512dq") && has!("avx512vl") && has!("avx512bw") {
                    levels.push(Self::Avx512);
                }
            }
        }
        levels
    }
}
