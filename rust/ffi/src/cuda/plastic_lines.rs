//! Synapses in lines, those of each source or those of each target, as csrc/cuda/plastic.cu has them.

use super::device::address;
use super::driver::Address;
use super::operands::{Delays, Rows, expect_len};
use crate::buffer::Dtype;
use crate::error::{Error, Result};
use crate::frame::Frame;
use spikeloop_kernels::event::Names;
use std::ffi::CStr;

/// Which kernel knows the neurons of the other side.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    /// They are stored in 16 bits.
    U16,
    /// In 32 bits.
    U32,
    /// They are looked up in the rows.
    Looked,
}

impl Others {
    fn of(dtype: Dtype) -> Self {
        if dtype == Dtype::U16 { Self::U16 } else { Self::U32 }
    }

    /// The name of the kernel, of those for float32 and for float64.
    pub(super) fn any(self, float: Dtype, names: [[&'static CStr; 3]; 2]) -> &'static CStr {
        names[usize::from(float == Dtype::F64)][self as usize]
    }

    /// As `any`, where others are stored.
    pub(super) fn stored(self, float: Dtype, names: [[&'static CStr; 2]; 2]) -> &'static CStr {
        names[usize::from(float == Dtype::F64)][usize::from(self == Self::U32)]
    }
}

/// `Lines`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Lines {
    rows: Rows,
    places: Address,
    delays: Delays,
    first: Address,
    shift: u64,
    sources: Rows,
}

impl Lines {
    /// Those of `n` sources, in the operands `indices, indptr` from `first` on.
    pub(super) fn rows(frame: Frame, first: usize, n: usize) -> Result<(Self, Others)> {
        let rows = Rows::with(&frame.arg(first), &frame.arg(first + 1), n, Names::ROWS)?;
        Ok((Self::stored(rows), Others::of(frame.arg(first).dtype)))
    }

    /// Those of `n` targets, in the operands `places, ends, sources, indptr` from 3 on.
    pub(super) fn columns(frame: Frame, n: usize, n_pre: u64) -> Result<(Self, Others)> {
        let [places, ends, sources, indptr] = [3, 4, 5, 6].map(|k| frame.arg(k));
        places.expect(Dtype::U32, "places")?;
        let rows = Rows::with(&places, &ends, n, Names::COLUMNS)?;
        let (nnz, at) = (places.len(), address(&places));
        match sources.dtype {
            Dtype::U16 => {
                expect_len(&sources, "sources", nnz)?;
                if indptr.len() != 0 {
                    expect_len(&indptr, Names::ROWS.indptr, n_pre as usize + 1)?;
                }
                let rows = Rows::with(&sources, &ends, n, Names::COLUMNS)?;
                Ok((Self { places: at, ..Self::stored(rows) }, Others::U16))
            }
            Dtype::U32 => {
                let shift = match frame.int("shift")? {
                    shift @ 0..32 => shift as u64,
                    _ => return Err(Error::invalid("attribute 'shift' must lie in 0 to 31")),
                };
                expect_len(&sources, "sources", nnz.div_ceil(1 << shift))?;
                let of_sources = Rows::with(&places, &indptr, n_pre as usize, Names::ROWS)?;
                let first = address(&sources);
                let lines = Self { places: at, first, shift, sources: of_sources, ..Self::stored(rows) };
                Ok((lines, Others::Looked))
            }
            other => Err(Error::invalid(format!("operand 'sources' is {other}, expected uint16 or uint32"))),
        }
    }

    /// Those of `n` neurons, with delays, in the operands `places, others, ends, delay` from `first` on.
    pub(super) fn delayed(frame: Frame, first: usize, n: usize) -> Result<(Self, Others)> {
        let [places, others, ends, delay] = [0, 1, 2, 3].map(|k| frame.arg(first + k));
        let rows = Rows::with(&others, &ends, n, Names::LINES)?;
        places.expect(Dtype::U32, "places")?;
        if places.len() != 0 {
            expect_len(&places, "places", others.len())?;
        }
        let at = if places.len() == 0 { 0 } else { address(&places) };
        let lines = Self { places: at, delays: Delays::of(&delay, rows.nnz)?, ..Self::stored(rows) };
        Ok((lines, Others::of(others.dtype)))
    }

    fn stored(rows: Rows) -> Self {
        Self { rows, places: 0, delays: Delays::NONE, first: 0, shift: 0, sources: Rows::NONE }
    }

    /// How many they are.
    pub(super) fn n(&self) -> u64 {
        self.rows.n_pre
    }

    /// The number of synapses.
    pub(super) fn nnz(&self) -> u64 {
        self.rows.nnz
    }
}
