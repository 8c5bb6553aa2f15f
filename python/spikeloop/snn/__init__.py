"""Neurons for training: plain numbers in place of units, one step as the unit of time."""

from ._cell import Cell as Cell
from .cuba_lif import CubaLIF as CubaLIF
from .cuba_lif import Synaptic as Synaptic
from .eventprop_lif import EventPropLIF as EventPropLIF
from .leaky import ALIF as ALIF
from .leaky import Leaky as Leaky
from .leaky_integrator import LeakyIntegrator as LeakyIntegrator
from .lif import LIF as LIF
from .lif import PLIF as PLIF
from .parallel_spiking_neuron import ParallelSpikingNeuron as ParallelSpikingNeuron
from .recurrent_lif import RecurrentLIF as RecurrentLIF
