//! What can be wrong with a call, in sentences that name the operand.

use std::fmt;

use crate::operand::Shape;

/// The result of a kernel call.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a kernel call was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The number of buffers does not fit the model's signature.
    Count {
        /// Which list: "arguments" or "results".
        list: &'static str,
        /// Buffers given.
        given: usize,
        /// Buffers expected.
        expected: usize,
    },
    /// An operand is neither one value, one per neuron, nor one per neuron and batch row.
    Operand {
        /// The operand's name.
        name: String,
        /// Its number of elements.
        given: usize,
        /// The population's layout.
        shape: Shape,
    },
    /// A buffer has another length than the call's dimensions say.
    Length {
        /// The buffer's name.
        name: &'static str,
        /// Its number of elements.
        given: usize,
        /// The number expected.
        expected: usize,
    },
    /// An argument position listed as active is none, or is not differentiable.
    Active {
        /// The position.
        position: usize,
    },
    /// A code that names no receptor or surrogate.
    Code {
        /// What the code should name.
        what: &'static str,
        /// The code.
        given: i64,
    },
    /// A synapse points beyond the target population.
    Index {
        /// The synapse's target.
        given: usize,
        /// The target population's size.
        size: usize,
    },
    /// A row of the connectivity ends before it begins, leaves the stored synapses, or does not
    /// follow the row before.
    Row {
        /// The row.
        row: usize,
        /// Stored synapses.
        size: usize,
    },
    /// A delay that is longer than the ring of arriving input.
    Delay {
        /// The delay in steps.
        given: usize,
        /// Slots of the ring.
        slots: usize,
    },
    /// A cursor that is no slot of its ring.
    Cursor {
        /// The cursor.
        given: i64,
        /// Slots of the ring.
        slots: usize,
    },
    /// A step has more spikes than there are sources: it was given some twice.
    Full {
        /// Spikes that there was room for.
        size: usize,
    },
    /// Rows that should be sorted are not.
    Order,
    /// More targets asked for than there are.
    Targets {
        /// Distinct targets asked for.
        given: usize,
        /// Targets there are.
        available: usize,
    },
    /// A connection rule that does not fit the populations, or has no meaning.
    Rule(&'static str),
    /// The system has no memory for an array.
    Memory {
        /// The array's size.
        bytes: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count { list, given, expected } => {
                write!(f, "{given} {list}, expected {expected}")
            }
            Self::Operand { name, given, shape } => {
                let (n, all) = (shape.n, shape.len());
                write!(f, "operand '{name}' has {given} elements, expected 1, {n} or {all}")
            }
            Self::Length { name, given, expected } => {
                write!(f, "'{name}' has {given} elements, expected {expected}")
            }
            Self::Active { position } => {
                write!(f, "argument {position} cannot be differentiated")
            }
            Self::Code { what, given } => write!(f, "no {what} has the code {given}"),
            Self::Index { given, size } => {
                write!(f, "index {given} out of range for {size} targets")
            }
            Self::Row { row, size } => {
                write!(f, "row {row} does not fit into the {size} stored synapses")
            }
            Self::Delay { given, slots } => {
                write!(f, "a delay of {given} steps does not fit into a ring of {slots} slots")
            }
            Self::Cursor { given, slots } => {
                write!(f, "'cursor' is {given}, but the ring has {slots} slots")
            }
            Self::Full { size } => {
                write!(
                    f,
                    "there is room for {size} more spikes: the projection is called more than once in a step"
                )
            }
            Self::Order => write!(f, "the rows are said to be sorted by delay and target, but are not"),
            Self::Targets { given, available } => {
                write!(f, "{given} distinct targets asked for, but there are only {available}")
            }
            Self::Rule(why) => f.write_str(why),
            Self::Memory { bytes } => write!(f, "no memory for an array of {bytes} bytes"),
        }
    }
}

impl std::error::Error for Error {}
