"""Models on disk: the values of all States, with their units, in the format of safetensors."""

from ._safetensors import load as load
from ._safetensors import save as save
