//! Named fields of a model, and how they reach the buffers.

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
    /// Each field from the two of its name.
    #[must_use]
    fn zip(self, other: Self, f: impl Fn(T, T) -> T) -> Self;
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

                #[inline(always)]
                fn zip(self, other: Self, f: impl Fn(T, T) -> T) -> Self {
                    Self { $first: f(self.$first, other.$first), $($rest: f(self.$rest, other.$rest),)* }
                }
            }
        };
    )*};
}
