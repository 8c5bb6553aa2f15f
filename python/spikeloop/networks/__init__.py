"""The standard benchmark networks."""

import warnings

from .balanced import Balanced as Balanced
from .brunel import Brunel as Brunel
from .brunel_stdp import BrunelSTDP as BrunelSTDP
from .coba import COBANetwork as COBANetwork
from .cobahh import COBAHHNetwork as COBAHHNetwork
from .cuba import CUBANetwork as CUBANetwork
from .pd14 import PD14 as PD14
from .standard_network import StandardNetwork as StandardNetwork

_FORMER = {"COBA": COBANetwork, "CUBA": CUBANetwork, "COBAHH": COBAHHNetwork}


def __getattr__(name: str) -> type[StandardNetwork]:
    """The networks by their former names, which outputs of synapses have too."""
    if name not in _FORMER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    new = _FORMER[name]
    warnings.warn(f"networks.{name} is called networks.{new.__name__} now.", DeprecationWarning, stacklevel=2)
    return new
