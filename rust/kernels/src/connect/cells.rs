//! Positions sorted into boxes, to find those near a place without looking at all.

use super::distance_dependent::AXES;
use super::room::{extend, filled};
use crate::error::Result;

/// Boxes at least as wide as the reach of a search, so that it looks into three along each axis.
pub(crate) struct Cells {
    low: [f64; AXES],
    width: [f64; AXES],
    count: [usize; AXES],
    periodic: [bool; AXES],
    /// Where the members of each box begin.
    starts: Vec<u32>,
    members: Vec<u32>,
}

impl Cells {
    /// Sorts `positions` of `axes` numbers each, for searches up to `reach`.
    pub(crate) fn new(positions: &[f64], axes: usize, reach: f64, period: [f64; AXES]) -> Result<Self> {
        let n = positions.len() / axes;
        // More boxes than neurons would be empty ones.
        let most = ((n as f64).powf(1.0 / axes as f64).ceil() as usize).max(1);
        let mut cells = Self {
            low: [0.0; AXES],
            width: [1.0; AXES],
            count: [1; AXES],
            periodic: period.map(|p| p > 0.0),
            starts: Vec::new(),
            members: filled(n, || 0)?,
        };
        for (axis, &period) in period.iter().enumerate().take(axes) {
            let along = || positions.iter().skip(axis).step_by(axes).copied();
            let low = along().fold(f64::INFINITY, f64::min);
            let extent = along().fold(f64::NEG_INFINITY, f64::max) - low;
            let length = if cells.periodic[axis] { period } else { extent };
            // Slightly wider than the reach, for what rounding may do to a position.
            let fit = length / (reach * (1.0 + 1e-9));
            if fit >= 1.0 && length.is_finite() {
                cells.count[axis] = (fit.min(most as f64)) as usize;
                cells.width[axis] = length / cells.count[axis] as f64;
                cells.low[axis] = low;
            }
        }
        cells.sort(positions, axes)?;
        Ok(cells)
    }

    fn sort(&mut self, positions: &[f64], axes: usize) -> Result<()> {
        let mut starts = filled(self.count.iter().product::<usize>() + 1, || 0u32)?;
        let mut cells = Vec::new();
        extend(&mut cells, positions.chunks(axes).map(|place| self.cell(self.coordinates(place))))?;
        for &cell in &cells {
            starts[cell + 1] += 1;
        }
        for k in 1..starts.len() {
            starts[k] += starts[k - 1];
        }
        let mut next = Vec::new();
        extend(&mut next, starts.iter().copied())?;
        for (j, &cell) in cells.iter().enumerate() {
            self.members[next[cell] as usize] = j as u32;
            next[cell] += 1;
        }
        self.starts = starts;
        Ok(())
    }

    fn cell(&self, [x, y, z]: [usize; AXES]) -> usize {
        (x * self.count[1] + y) * self.count[2] + z
    }

    /// The box that a place lies in; for places outside of all boxes the nearest.
    fn coordinates(&self, place: &[f64]) -> [usize; AXES] {
        let mut out = [0; AXES];
        for (axis, x) in place.iter().enumerate() {
            let (k, count) = (((x - self.low[axis]) / self.width[axis]).floor(), self.count[axis]);
            out[axis] = if self.periodic[axis] {
                (k - count as f64 * (k / count as f64).floor()) as usize % count
            } else {
                k.clamp(0.0, (count - 1) as f64) as usize
            };
        }
        out
    }

    /// Calls `visit` with every neuron within reach of a place, and some beyond.
    pub(crate) fn near(&self, place: &[f64], mut visit: impl FnMut(u32) -> Result<()>) -> Result<()> {
        let centre = self.coordinates(place);
        let around: [Vec<usize>; AXES] = std::array::from_fn(|axis| self.around(axis, centre[axis]));
        for &x in &around[0] {
            for &y in &around[1] {
                for &z in &around[2] {
                    let cell = self.cell([x, y, z]);
                    let members = self.starts[cell] as usize..self.starts[cell + 1] as usize;
                    self.members[members].iter().try_for_each(|&j| visit(j))?;
                }
            }
        }
        Ok(())
    }

    /// The coordinate and its neighbours along an axis, each once.
    fn around(&self, axis: usize, k: usize) -> Vec<usize> {
        let count = self.count[axis];
        if count <= 3 {
            (0..count).collect()
        } else if self.periodic[axis] {
            vec![(k + count - 1) % count, k, (k + 1) % count]
        } else {
            (k.saturating_sub(1)..(k + 2).min(count)).collect()
        }
    }
}
