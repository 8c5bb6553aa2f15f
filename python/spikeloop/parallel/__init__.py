"""Many devices and many hosts: a network cut by neuron, on JAX's own runtime."""

from ._describe import describe as describe
from ._mesh import Mesh as Mesh
from ._mesh import mesh as mesh
from ._mesh import split as split
from ._placement import gather as gather
from ._processes import initialize as initialize
