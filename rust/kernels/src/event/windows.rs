//! The windows of a convolution: which inputs lie under which elements of the kernel.

use super::length;
use crate::error::Result;

/// One axis of the windows. Element `tap` of window `out` lies over place `out * stride + tap * dilation`, where
/// input `k` is if that is `before + k * spacing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    /// Inputs.
    pub n_in: usize,
    /// Windows, of which each makes an output.
    pub n_out: usize,
    /// Elements of the kernel.
    pub window: usize,
    /// The distance of two windows.
    pub stride: usize,
    /// Zeros before the first input.
    pub before: i64,
    /// The distance of two inputs, with zeros between them.
    pub spacing: usize,
    /// The distance of two elements of the kernel.
    pub dilation: usize,
}

impl Axis {
    /// Places under the windows, with the zeros around and between inputs.
    fn places(&self) -> usize {
        match (self.n_out, self.window) {
            (0, _) | (_, 0) => 0,
            (n_out, window) => (n_out - 1) * self.stride + (window - 1) * self.dilation + 1,
        }
    }
}

/// The sizes of a convolution: arrays are row-major (batch, axes, channels), the kernel (axes, inputs, outputs).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conv {
    /// Samples, and steps.
    pub batch: usize,
    /// The axes of the windows.
    pub axes: Vec<Axis>,
    /// Channels of the input.
    pub n_in: usize,
    /// Channels of the output.
    pub n_out: usize,
}

impl Conv {
    fn product(&self, of_axis: impl Fn(&Axis) -> usize) -> usize {
        self.axes.iter().map(of_axis).product()
    }

    /// Places of the input.
    pub(super) fn inputs(&self) -> usize {
        self.product(|axis| axis.n_in)
    }

    /// Windows, and places of the output.
    pub(super) fn outputs(&self) -> usize {
        self.product(|axis| axis.n_out)
    }

    /// Rows of the kernel: its elements and the channels of the input.
    pub(super) fn rows(&self) -> usize {
        self.product(|axis| axis.window) * self.n_in
    }

    /// Fails unless arrays have the lengths that the sizes say; the last one is the result.
    pub(super) fn check(
        &self,
        input: usize,
        output: (&'static str, usize),
        kernel: (&'static str, usize),
    ) -> Result<()> {
        length("spikes", input, self.batch * self.inputs() * self.n_in)?;
        length(output.0, output.1, self.batch * self.outputs() * self.n_out)?;
        length(kernel.0, kernel.1, self.rows() * self.n_out)
    }
}

/// Nothing of the kind asked for.
pub(super) const NOWHERE: u32 = u32::MAX;

/// What lies where. Places are counted along all axes, with the zeros around and between inputs.
#[derive(Debug)]
pub(super) struct Windows {
    pub(super) places: usize,
    /// The place of each input, or [`NOWHERE`] if it is under no window.
    pub(super) inputs: Vec<u32>,
    /// The first place under each window.
    pub(super) origins: Vec<usize>,
    /// The place under each element of the kernel, counted from that origin.
    pub(super) taps: Vec<usize>,
}

impl Windows {
    pub(super) fn of(conv: &Conv) -> Self {
        let grid = |n: fn(&Axis) -> usize, place: fn(&Axis, usize) -> Option<usize>| {
            let mut found = vec![Some(0)];
            for axis in &conv.axes {
                let along: Vec<_> = (0..n(axis)).map(|k| place(axis, k)).collect();
                let each = |before: &Option<usize>| {
                    let before = before.map(|x| x * axis.places());
                    along.iter().map(|&x| Some(before? + x?)).collect::<Vec<_>>()
                };
                found = found.iter().flat_map(each).collect();
            }
            found
        };
        let inputs = grid(
            |axis| axis.n_in,
            |axis, k| {
                let place = usize::try_from((k * axis.spacing) as i64 + axis.before).ok()?;
                (place < axis.places()).then_some(place)
            },
        );
        let origins = grid(|axis| axis.n_out, |axis, k| Some(k * axis.stride));
        let taps: Vec<_> =
            grid(|axis| axis.window, |axis, k| Some(k * axis.dilation)).into_iter().flatten().collect();
        Self {
            places: conv.product(Axis::places),
            inputs: inputs.into_iter().map(|place| place.map_or(NOWHERE, |x| x as u32)).collect(),
            origins: origins.into_iter().flatten().collect(),
            taps,
        }
    }

    /// The window that begins at each place, or [`NOWHERE`]. In front stands `NOWHERE` as often as the last element of
    /// the kernel lies behind the first, so that one may go back from any place by any element.
    pub(super) fn by_origin(&self) -> Vec<u32> {
        let before = self.last_tap();
        let mut windows = vec![NOWHERE; before + self.places];
        for (window, &origin) in self.origins.iter().enumerate() {
            windows[before + origin] = window as u32;
        }
        windows
    }

    /// Where the window is in [`Self::by_origin`] that has an element of the kernel over a place, counted from the place.
    pub(super) fn back(&self, tap: usize) -> usize {
        self.last_tap() - self.taps[tap]
    }

    /// Where the last element of the kernel lies, counted from the first.
    fn last_tap(&self) -> usize {
        self.taps.last().copied().unwrap_or(0)
    }
}
