//! Operands of event kernels as csrc/cuda/rows.cuh has them: addresses, and sizes that are checked by the shapes. All
//! fields have 64 bits, so that there is no padding.

use super::device::address;
use super::driver::Address;
use super::kernels::BLOCK;
use crate::buffer::{Buffer, Dtype};
use crate::error::{Error, Result};
use crate::frame::Frame;
use spikeloop_kernels::Shape;
use spikeloop_kernels::event::Names;

/// Fails unless a buffer has so many elements.
pub(super) fn expect_len(buffer: &Buffer, name: &str, expected: usize) -> Result<()> {
    match buffer.len() {
        len if len == expected => Ok(()),
        len => Err(Error::invalid(format!("'{name}' has {len} elements, expected {expected}"))),
    }
}

/// Bytes of each delay of `nnz` synapses.
pub(super) fn delay_bytes(delays: &Buffer, nnz: u64) -> Result<u64> {
    expect_len(delays, "delay", nnz as usize)?;
    match delays.dtype {
        Dtype::U8 => Ok(1),
        Dtype::U16 => Ok(2),
        other => Err(Error::invalid(format!("operand 'delay' is {other}, expected uint8 or uint16"))),
    }
}

/// `Delays` in csrc/cuda/history.cuh.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Delays {
    data: Address,
    bytes: u64,
}

impl Delays {
    /// Synapses without delays of their own.
    pub(super) const NONE: Self = Self { data: 0, bytes: 1 };

    /// One delay for each of `nnz` synapses.
    pub(super) fn of(delays: &Buffer, nnz: u64) -> Result<Self> {
        Ok(Self { data: address(delays), bytes: delay_bytes(delays, nnz)? })
    }
}

/// Blocks that take a neuron for each thread.
pub(super) fn tiles(n: usize) -> usize {
    n.div_ceil(BLOCK as usize)
}

/// `Rows`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Rows {
    indices: Address,
    indptr: Address,
    pub(super) n_pre: u64,
    pub(super) nnz: u64,
    indptr_bytes: u64,
    length: u64,
}

impl Rows {
    /// No rows.
    pub(super) const NONE: Self =
        Self { indices: 0, indptr: 0, n_pre: 0, nnz: 0, indptr_bytes: 0, length: 0 };

    /// The attribute `n_pre` and the operands `indices` and `indptr` of these places.
    pub(super) fn of(frame: Frame, at: usize, indptr: usize) -> Result<Self> {
        Self::with(&frame.arg(at), &frame.arg(indptr), frame.count("n_pre")?, Names::ROWS)
    }

    /// `n_pre` rows; `names` is what messages call the operands.
    pub(super) fn with(indices: &Buffer, indptr: &Buffer, n_pre: usize, names: Names) -> Result<Self> {
        let name = names.indices.name;
        if !matches!(indices.dtype, Dtype::U16 | Dtype::U32) {
            let given = indices.dtype;
            return Err(Error::invalid(format!("operand '{name}' is {given}, expected uint16 or uint32")));
        }
        let nnz = indices.len();
        let indptr_bytes = match indptr.dtype {
            Dtype::I32 | Dtype::I64 if indptr.len() == 0 => 0,
            Dtype::I32 => 4,
            Dtype::I64 => 8,
            other => {
                let name = names.indptr;
                return Err(Error::invalid(format!("operand '{name}' is {other}, expected int32 or int64")));
            }
        };
        let length = nnz.checked_div(n_pre).unwrap_or(0);
        if indptr_bytes != 0 {
            expect_len(indptr, names.indptr, n_pre + 1)?;
        } else if length * n_pre != nnz {
            return Err(Error::invalid(format!(
                "'{name}' has {nnz} elements for {n_pre} rows of one length"
            )));
        }
        let [n_pre, nnz, length] = [n_pre, nnz, length].map(|n| n as u64);
        Ok(Self { indices: address(indices), indptr: address(indptr), n_pre, nnz, indptr_bytes, length })
    }
}

/// `Ring`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Ring {
    delays: Address,
    cursor: Address,
    pub(super) slots: u64,
    pub(super) lanes: u64,
    delay_bytes: u64,
    cursors: u64,
}

impl Ring {
    /// No ring: synapses without delays.
    pub(super) const NONE: Self =
        Self { delays: 0, cursor: 0, slots: 1, lanes: 1, delay_bytes: 0, cursors: 1 };

    /// A ring that turns by the operand `cursor`, with the attributes `slots` and `lanes`.
    pub(super) fn turned(frame: Frame, cursor: usize) -> Result<Self> {
        let (cursor, slots, lanes) = (frame.arg(cursor), frame.count("slots")?, frame.count("lanes")?);
        cursor.expect(Dtype::I32, "cursor")?;
        if cursor.len() != 1 {
            expect_len(&cursor, "cursor", lanes)?;
        }
        if slots == 0 {
            return Err(Error::invalid("attribute 'slots' is 0, expected at least 1"));
        }
        let [slots, lanes, cursors] = [slots, lanes, cursor.len()].map(|n| n as u64);
        Ok(Self { cursor: address(&cursor), slots, lanes, cursors, ..Self::NONE })
    }

    /// As `turned`, for synapses whose delays are drawn.
    pub(super) fn timed(frame: Frame, cursor: usize) -> Result<Self> {
        Ok(Self { delay_bytes: 1, ..Self::turned(frame, cursor)? })
    }

    /// The operands `delay, cursor` from this place on.
    fn delayed(frame: Frame, delay: usize, nnz: u64) -> Result<Self> {
        let delays = frame.arg(delay);
        let delay_bytes = delay_bytes(&delays, nnz)?;
        Ok(Self { delays: address(&delays), delay_bytes, ..Self::turned(frame, delay + 1)? })
    }

    /// Fails unless lanes share so many batch rows evenly.
    pub(super) fn check_batch(&self, batch: usize) -> Result<()> {
        if self.lanes != 0 && (batch as u64).is_multiple_of(self.lanes) {
            return Ok(());
        }
        let lanes = self.lanes;
        Err(Error::invalid(format!("'cursor' is for {lanes} lanes, but there are {batch} batch rows")))
    }
}

/// `Targets`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Targets {
    pub(super) ring: Ring,
    pub(super) batch: u64,
    rows: u64,
    n_post: u64,
}

impl Targets {
    /// The targets of `sources`, with the operands `delay, cursor` from a place on, if there is one.
    pub(super) fn of(
        frame: Frame,
        sources: Shape,
        targets: &Buffer,
        delay: Option<usize>,
        nnz: u64,
    ) -> Result<Self> {
        let ring = delay.map_or(Ok(Ring::NONE), |delay| Ring::delayed(frame, delay, nnz))?;
        Self::with(ring, sources.batch, targets)
    }

    /// The targets of so many batch rows.
    pub(super) fn with(ring: Ring, batch: usize, targets: &Buffer) -> Result<Self> {
        ring.check_batch(batch)?;
        let (given, expected) = (targets.population().batch, batch * ring.slots as usize);
        if given != expected {
            return Err(Error::invalid(format!("'target' has {given} rows, expected {expected}")));
        }
        let (batch, n_post) = (batch as u64, targets.population().n as u64);
        Ok(Self { ring, batch, rows: batch / ring.lanes, n_post })
    }
}

/// `Spikes`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Spikes {
    data: Address,
    n_total: u64,
    offset: u64,
    is_bool: u64,
}

impl Spikes {
    /// Bool or graded spikes, of which those from the attribute `offset` on belong to `n_pre` rows.
    pub(super) fn of(frame: Frame, spikes: &Buffer, float: Dtype, n_pre: u64) -> Result<Self> {
        let (n_total, offset) = (spikes.population().n as u64, frame.count("offset")? as u64);
        if offset + n_pre > n_total {
            let expected = offset + n_pre;
            return Err(Error::invalid(format!("'spikes' has {n_total} elements, expected {expected}")));
        }
        Self::graded_or_bool(spikes, float).map(|is_bool| Self {
            data: address(spikes),
            n_total,
            offset,
            is_bool: is_bool.into(),
        })
    }

    /// The events of as many rows.
    pub(super) fn all(events: &Buffer, float: Dtype) -> Result<Self> {
        let (data, n_total) = (address(events), events.len() as u64);
        Ok(Self { data, n_total, offset: 0, is_bool: Self::graded_or_bool(events, float)?.into() })
    }

    /// Whether spikes are bool; if not, they have this type.
    pub(super) fn graded_or_bool(spikes: &Buffer, float: Dtype) -> Result<bool> {
        if spikes.dtype != Dtype::PRED {
            spikes.expect(float, "spikes")?;
        }
        Ok(spikes.dtype == Dtype::PRED)
    }
}

/// `Weight`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Weight {
    data: Address,
    each: u64,
}

impl Weight {
    /// One weight for all synapses, or one each.
    pub(super) fn of(weight: &Buffer, float: Dtype, nnz: u64) -> Result<Self> {
        weight.expect(float, "weight")?;
        let each = weight.len() != 1;
        if each {
            expect_len(weight, "weight", nnz as usize)?;
        }
        Ok(Self { data: address(weight), each: each.into() })
    }
}
