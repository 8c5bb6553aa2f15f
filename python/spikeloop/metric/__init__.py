"""Measures of recorded matrices (steps, neurons); those of spike trains are in `sl.analysis`."""

from ._matrix import cross_correlation as cross_correlation
from ._matrix import firing_rate as firing_rate
from ._matrix import functional_connectivity as functional_connectivity
from ._matrix import raster_plot as raster_plot
from ._matrix import voltage_fluctuation as voltage_fluctuation
