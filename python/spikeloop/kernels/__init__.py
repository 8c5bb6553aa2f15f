"""Kernel primitives: the steps that run native, each with its JAX reference."""

from ._library import fallbacks as fallbacks
from ._library import targets as targets
from ._neuron import Drive as Drive
from ._neuron import Pass as Pass
from ._receptors import ReceptorKind as ReceptorKind
from .program import show as show
