"""Figures; they need matplotlib."""

from ._connectivity import connectivity as connectivity
from ._phase_plane import phase_plane as phase_plane
from ._raster import raster as raster
from ._rates import rates as rates
from ._run import run as run
from ._spectrum import spectrum as spectrum
from ._trace import trace as trace
from ._weights import weights as weights
