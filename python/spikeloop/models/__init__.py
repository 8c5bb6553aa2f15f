"""Neurons, synapses, outputs and projections."""

from ._form import param as param
from ._form import variable as variable
from ._neuron import Neuron as Neuron
from ._synapse import Synapse as Synapse
from ._synapse import SynOut as SynOut
from .expon import Expon as Expon
from .if_ import IF as IF
from .lif import LIF as LIF
from .lif import LIFRef as LIFRef
from .output import COBA as COBA
from .output import CUBA as CUBA
from .projection import AlignPostProj as AlignPostProj
from .projection import DeltaProj as DeltaProj
from .projection import Projection as Projection
