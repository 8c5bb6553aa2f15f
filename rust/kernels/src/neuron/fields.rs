//! Named fields of a model, and how they reach the buffers.

use crate::lane::Lane;
use crate::real::{Real, Spike};

use super::Refractory;

/// Numbered values to read.
pub trait Read<T> {
    /// The value with index `k`.
    fn read(&self, k: usize) -> T;
}

/// Numbered values to write.
pub trait Write<T> {
    /// Sets the value with index `k`.
    fn write(&mut self, k: usize, x: T);
}

/// A struct of fields of one type, made by `fields!`.
pub trait Fields<T>: Copy {
    /// The fields' names.
    const NAMES: &'static [&'static str];
    /// All fields, in order.
    fn read(source: &impl Read<T>) -> Self;
    /// All fields, in order.
    fn write(&self, sink: &mut impl Write<T>);
    /// The first field; of a state, the membrane potential.
    fn first(&mut self) -> &mut T;
}

/// Structs whose fields are one type each, named as in Python.
macro_rules! fields {
    ($($(#[$doc:meta])* pub struct $name:ident { $first:ident $(, $rest:ident)* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        #[allow(non_snake_case, missing_docs)] // named as in Python, and described there
        pub struct $name<T> { pub $first: T, $(pub $rest: T),* }

        const _: () = {
            #[allow(non_camel_case_types)] // the fields' names
            enum At { $first $(, $rest)* }

            impl<T: Copy> $crate::neuron::Fields<T> for $name<T> {
                const NAMES: &'static [&'static str] = &[stringify!($first) $(, stringify!($rest))*];

                #[inline(always)]
                fn read(source: &impl $crate::neuron::Read<T>) -> Self {
                    Self {
                        $first: source.read(At::$first as usize),
                        $($rest: source.read(At::$rest as usize),)*
                    }
                }

                #[inline(always)]
                fn write(&self, sink: &mut impl $crate::neuron::Write<T>) {
                    sink.write(At::$first as usize, self.$first);
                    $(sink.write(At::$rest as usize, self.$rest);)*
                }

                #[inline(always)]
                fn first(&mut self) -> &mut T {
                    &mut self.$first
                }
            }
        };
    )*};
}

impl<L: Lane> Refractory<L> {
    /// Counts a step down; true where the potential is still held.
    #[inline(always)]
    pub fn count_down<T: Real<Lane = L>>(&mut self) -> L::Mask {
        let zero = L::constant(0.0);
        self.left = (self.left - L::constant(1.0)).max(zero);
        self.left.gt(zero)
    }

    /// Starts anew where there is a spike.
    #[inline(always)]
    pub fn restart<T: Real<Lane = L>>(&mut self, spike: &Spike<T>) {
        self.left = L::select(spike.on, self.steps, self.left);
    }
}
