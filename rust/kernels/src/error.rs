//! What can be wrong with a call, in sentences that name the operand.

use std::fmt;

/// The result of a kernel call.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a kernel call was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// A buffer has another length than the call's dimensions say.
    Length {
        /// The buffer's name.
        name: &'static str,
        /// Its number of elements.
        given: usize,
        /// The number expected.
        expected: usize,
    },
    /// A code that names nothing.
    Code {
        /// What the code should name.
        what: &'static str,
        /// The code.
        given: i64,
    },
    /// An operand holds a number that stands for nothing: a target, a delay, a source, a slot that is not there.
    Range {
        /// The operand.
        name: &'static str,
        /// The place of the number in it.
        place: usize,
        /// The number.
        given: i64,
        /// The first number that is too great, …
        below: usize,
        /// … which is how many of these there are.
        of: &'static str,
    },
    /// A row of the connectivity ends before it begins, leaves the stored synapses, or does not
    /// follow the row before.
    Row {
        /// The operand that says where rows begin and end.
        name: &'static str,
        /// The row.
        row: usize,
        /// Where it begins and ends.
        ends: [i64; 2],
        /// Stored synapses.
        size: usize,
    },
    /// A step has more spikes than there are sources: it was given some twice.
    Full {
        /// Spikes that there was room for.
        size: usize,
    },
    /// Rows that should be sorted are not.
    Order,
    /// Parts of a population that do not follow each other.
    Parts,
    /// A distribution of whole numbers with more bounds than can be counted.
    TooManyBounds,
    /// More targets asked for than there are.
    Targets {
        /// Distinct targets asked for.
        given: usize,
        /// Targets there are.
        available: usize,
    },
    /// More threads than make sense.
    Threads {
        /// The number asked for.
        given: usize,
        /// The most that may be asked for.
        limit: usize,
        /// Cores that the process may use.
        cores: usize,
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
            Self::Length { name, given, expected } => {
                write!(f, "'{name}' has {given} elements, expected {expected}")
            }
            Self::Code { what, given } => write!(f, "no {what} has the code {given}"),
            Self::Range { name, place, given, below, of } => {
                write!(f, "'{name}' holds {given} at place {place}, which is out of range for {below} {of}")
            }
            Self::Row { name, row, ends: [start, end], size } => write!(
                f,
                "'{name}' lets row {row} go from {start} to {end}, which does not fit into the {size} stored \
                 synapses, or not behind the row before"
            ),
            Self::Full { size } => {
                write!(
                    f,
                    "there is room for {size} more spikes: the projection is called more than once in a step"
                )
            }
            Self::Order => write!(f, "the rows are said to be sorted by delay and target, but are not"),
            Self::Parts => write!(f, "the parts of the population do not follow each other"),
            Self::TooManyBounds => write!(f, "a part of the population has more than {} bounds", i16::MAX),
            Self::Targets { given, available } => {
                write!(f, "{given} distinct targets asked for, but there are only {available}")
            }
            Self::Threads { given, limit, cores } => write!(
                f,
                "at most {limit} threads are possible; given {given}. This process may use {cores} cores, and more \
                 threads than cores are slower: write set_num_threads({cores})"
            ),
            Self::Rule(why) => f.write_str(why),
            Self::Memory { bytes } => write!(f, "no memory for an array of {bytes} bytes"),
        }
    }
}

impl std::error::Error for Error {}
