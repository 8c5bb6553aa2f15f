"""Models on disk, and in the formats of other libraries."""

from ._from_nir import from_nir as from_nir
from ._safetensors import load as load
from ._safetensors import save as save
from ._to_nir import to_nir as to_nir
from ._torch import from_torch as from_torch
from ._torch import to_torch as to_torch
