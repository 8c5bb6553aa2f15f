//! Connectivity builders for `csrc/module.cc`.

use spikeloop_kernels::connect::{
    Column, Draw, Edges, Family, Number, Own, Profile, Rule, Space, Spec, Synapses, build, order,
};
use spikeloop_kernels::{Error, Result};
use std::ffi::{CString, c_char, c_void};
use std::panic::{UnwindSafe, catch_unwind};
use std::{ptr, slice};

/// Numbers that the caller keeps alive; a null pointer with size 0 is an empty array.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Slice<T> {
    data: *const T,
    size: usize,
}

impl<T> Slice<T> {
    /// # Safety
    /// The numbers are there.
    unsafe fn get<'a>(self) -> &'a [T] {
        if self.size == 0 {
            return &[];
        }
        // SAFETY: by the contract of this function.
        unsafe { slice::from_raw_parts(self.data, self.size) }
    }
}

/// A distribution. The family 0 stands for none.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CDraw {
    family: u32,
    a: f64,
    b: f64,
    part: [f64; 2],
    bounds: [f64; 2],
}

/// A rule and its numbers, of which each rule uses its own.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CSpec {
    rule: Slice<u8>,
    profile: Slice<u8>,
    seed: u64,
    n_pre: usize,
    n_post: usize,
    num: usize,
    /// Of the targets whose synapses are wanted.
    range: [usize; 2],
    prob: f64,
    multapses: bool,
    wide: bool,
    /// Empty if no synapses are left out.
    own: Slice<u32>,
    source: Slice<f64>,
    target: Slice<f64>,
    axes: usize,
    period: [f64; 3],
    scale: f64,
    cutoff: f64,
    weight: CDraw,
    delay: CDraw,
}

/// An array that Rust allocated; without an owner there is none.
#[repr(C)]
pub struct CArray {
    data: *mut c_void,
    size: usize,
    /// Kind and bits as in the names of Python's array types.
    kind: c_char,
    bits: u8,
    owner: *mut c_void,
}

/// What a builder gives: arrays, or why there are none.
#[repr(C)]
pub struct Built {
    indices: CArray,
    indptr: CArray,
    weight: CArray,
    delay: CArray,
    error: *mut c_char,
    no_memory: bool,
}

impl CArray {
    const NONE: Self = Self { data: ptr::null_mut(), size: 0, kind: 0, bits: 0, owner: ptr::null_mut() };

    fn new(column: Column) -> Self {
        let (kind, bits) = match &column {
            Column::U8(_) => (b'u', 8),
            Column::U16(_) => (b'u', 16),
            Column::U32(_) => (b'u', 32),
            Column::I32(_) => (b'i', 32),
            Column::I64(_) => (b'i', 64),
            Column::F32(_) => (b'f', 32),
            Column::F64(_) => (b'f', 64),
        };
        let (data, size) = (column.ptr().cast(), column.len());
        Self { data, size, kind: kind as c_char, bits, owner: Box::into_raw(Box::new(column)).cast() }
    }
}

impl Built {
    fn empty() -> Self {
        let [indices, indptr, weight, delay] = [CArray::NONE; 4];
        Self { indices, indptr, weight, delay, error: ptr::null_mut(), no_memory: false }
    }

    /// The result of `body`. A panic that reached the C++ caller would abort the process.
    fn of(body: impl FnOnce() -> Result<Synapses> + UnwindSafe) -> Self {
        let (message, no_memory) = match catch_unwind(body) {
            Ok(Ok(synapses)) => {
                let Synapses { indices, indptr, weight, delay } = synapses;
                let array = |column: Option<Column>| column.map_or(CArray::NONE, CArray::new);
                return Self {
                    indices: CArray::new(indices),
                    indptr: CArray::new(indptr),
                    weight: array(weight),
                    delay: array(delay),
                    ..Self::empty()
                };
            }
            Ok(Err(error)) => (error.to_string(), matches!(error, Error::Memory { .. })),
            Err(_) => ("panic in a native connectivity builder".into(), false),
        };
        Self { error: CString::new(message).unwrap_or_default().into_raw(), no_memory, ..Self::empty() }
    }
}

impl CDraw {
    fn get(self) -> Result<Option<Draw>> {
        let family = match self.family {
            0 => return Ok(None),
            1 => Family::Uniform,
            2 => Family::Normal,
            3 => Family::LogNormal,
            4 => Family::Exponential,
            given => return Err(Error::Code { what: "family of distributions", given: given.into() }),
        };
        Ok(Some(Draw { family, a: self.a, b: self.b, part: self.part, bounds: self.bounds }))
    }
}

impl CSpec {
    /// # Safety
    /// Its slices are there.
    unsafe fn get<'a>(self) -> Result<Spec<'a>> {
        // SAFETY: by the contract of this function.
        let (rule, source, target) = unsafe { (self.rule.get(), self.source.get(), self.target.get()) };
        let Self { num, prob, multapses, .. } = self;
        let number = Number { num, multapses };
        let rule = match rule {
            b"one_to_one" => Rule::OneToOne,
            b"all_to_all" => Rule::AllToAll,
            b"fixed_prob" => Rule::FixedProb { prob },
            b"fixed_in_degree" => Rule::FixedInDegree(number),
            b"fixed_out_degree" => Rule::FixedOutDegree(number),
            b"fixed_total_number" => Rule::FixedTotalNumber(number),
            b"small_world" => Rule::SmallWorld { num, prob },
            b"distance_dependent" => {
                let Self { axes, period, scale, cutoff, .. } = self;
                // SAFETY: by the contract of this function.
                let profile = match unsafe { self.profile.get() } {
                    b"gaussian" => Profile::Gaussian,
                    b"exponential" => Profile::Exponential,
                    b"box" => Profile::Box,
                    _ => return Err(Error::Rule("no profile has this name")),
                };
                let space = Space { source, target, axes, period, profile, scale, cutoff };
                Rule::DistanceDependent { prob, space }
            }
            _ => return Err(Error::Rule("no rule has this name")),
        };
        let (weight, delay) = (self.weight.get()?, self.delay.get()?);
        // SAFETY: by the contract of this function.
        let own = match unsafe { self.own.get() } {
            [] => Own::None,
            own => Own::Each(own),
        };
        let Self { seed, n_pre, n_post, wide, .. } = self;
        let [start, end] = self.range.map(|end| u32::try_from(end).unwrap_or(u32::MAX));
        Ok(Spec { rule, own, seed, n_pre, n_post, targets: start..end, weight, delay, wide })
    }
}

/// Builds the synapses of a rule.
///
/// # Safety
/// The slices of `spec` are there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spikeloop_build(spec: *const CSpec) -> Built {
    // SAFETY: by the contract of this function.
    Built::of(|| build(&unsafe { (*spec).get() }?))
}

/// Orders given synapses into rows: `indptr` and, as `indices`, which synapse stands where.
///
/// # Safety
/// The slices are there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spikeloop_order(
    sources: Slice<u32>,
    targets: Slice<u32>,
    delay: Slice<u16>,
    n_pre: usize,
) -> Built {
    // SAFETY: by the contract of this function.
    let (sources, targets, delay) = unsafe { (sources.get(), targets.get(), delay.get()) };
    Built::of(|| {
        let (indptr, indices) = order(Edges { sources, targets, delay, n_pre })?;
        Ok(Synapses { indices, indptr, weight: None, delay: None })
    })
}

/// Gives an array back.
///
/// # Safety
/// `owner` is that of an array of this library, and the array is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spikeloop_array_free(owner: *mut c_void) {
    // SAFETY: by the contract of this function, made by `Box::into_raw` in `CArray::new`.
    drop(unsafe { Box::from_raw(owner.cast::<Column>()) });
}

/// Gives an error's text back.
///
/// # Safety
/// `error` is that of a result of this library, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spikeloop_error_free(error: *mut c_char) {
    // SAFETY: by the contract of this function, made by `CString::into_raw`.
    drop(unsafe { CString::from_raw(error) });
}
