//! Vectors whose length the user decides: short memory is an error, never an abort.

use crate::error::{Error, Result};

/// A vector of `len` values.
pub(super) fn filled<T>(len: usize, make: impl FnMut() -> T) -> Result<Vec<T>> {
    let mut values = Vec::new();
    values.try_reserve_exact(len).map_err(|_| short::<T>(len))?;
    values.resize_with(len, make);
    Ok(values)
}

/// Has room for so many values more.
#[inline]
pub(super) fn reserve<T>(values: &mut Vec<T>, more: usize) -> Result<()> {
    values.try_reserve(more).map_err(|_| short::<T>(values.len().saturating_add(more)))
}

/// Appends a value.
#[inline]
pub(super) fn push<T>(values: &mut Vec<T>, value: T) -> Result<()> {
    reserve(values, 1)?;
    values.push(value);
    Ok(())
}

/// Appends values.
#[inline]
pub(super) fn extend<T>(values: &mut Vec<T>, more: impl ExactSizeIterator<Item = T>) -> Result<()> {
    reserve(values, more.len())?;
    values.extend(more);
    Ok(())
}

#[cold]
fn short<T>(len: usize) -> Error {
    Error::Memory { bytes: len.saturating_mul(size_of::<T>()) }
}
