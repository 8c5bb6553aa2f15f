"""What spike trains are described by. Functions take `record.SpikeTrains`, or a pair (times, indices)."""

from ._correlation import correlation as correlation
from ._correlation import correlation_matrix as correlation_matrix
from ._counts import binned_counts as binned_counts
from ._counts import fano_factor as fano_factor
from ._counts import firing_rates as firing_rates
from ._counts import mean_rate as mean_rate
from ._intervals import cv as cv
from ._intervals import intervals as intervals
from ._intervals import isi_histogram as isi_histogram
from ._intervals import lv as lv
from ._spectrum import power_spectrum as power_spectrum
