"""spikeloop: spiking neural networks as plain Python objects, run by native kernels inside one JAX program."""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from . import _fork as _fork  # watches from the start
from . import nn as nn  # first: the other packages build on its Module

# isort: split
from . import analysis as analysis
from . import compat as compat
from . import connect as connect
from . import environ as environ
from . import errors as errors
from . import init as init
from . import inputs as inputs
from . import kernels as kernels
from . import metric as metric
from . import networks as networks
from . import plasticity as plasticity
from . import plot as plot
from . import random as random
from . import record as record
from . import surrogate as surrogate
from . import transform as transform
from . import util as util
from ._info import info as info
from ._info import version as _version
from ._plan import plan as plan
from ._state import BatchState as BatchState
from ._state import DelayState as DelayState
from ._state import HiddenState as HiddenState
from ._state import LongTermState as LongTermState
from ._state import ParamState as ParamState
from ._state import ShortTermState as ShortTermState
from ._state import State as State
from ._summary import summary as summary
from .inputs import ConstantInput as ConstantInput
from .inputs import OUProcessInput as OUProcessInput
from .inputs import PoissonEncoder as PoissonEncoder
from .inputs import PoissonInput as PoissonInput
from .inputs import PoissonSpike as PoissonSpike
from .inputs import RampInput as RampInput
from .inputs import SectionInput as SectionInput
from .inputs import SinusoidalInput as SinusoidalInput
from .inputs import SpikeTime as SpikeTime
from .inputs import StepInput as StepInput
from .inputs import TimedArray as TimedArray
from .inputs import WienerProcessInput as WienerProcessInput
from .inputs import poisson_input as poisson_input
from .kernels._threads import get_num_threads as get_num_threads
from .kernels._threads import set_num_threads as set_num_threads
from .models import ALIF as ALIF
from .models import AMPA as AMPA
from .models import COBA as COBA
from .models import CUBA as CUBA
from .models import HH as HH
from .models import IF as IF
from .models import LIF as LIF
from .models import STD as STD
from .models import STP as STP
from .models import AdExIF as AdExIF
from .models import AdExIFRef as AdExIFRef
from .models import AdQuaIF as AdQuaIF
from .models import AdQuaIFRef as AdQuaIFRef
from .models import AlignPostProj as AlignPostProj
from .models import Alpha as Alpha
from .models import AsymmetryGapJunction as AsymmetryGapJunction
from .models import BioNMDA as BioNMDA
from .models import CobaLIF as CobaLIF
from .models import CubaLIF as CubaLIF
from .models import CurrentProj as CurrentProj
from .models import DeltaProj as DeltaProj
from .models import DualExpon as DualExpon
from .models import ExpIF as ExpIF
from .models import ExpIFRef as ExpIFRef
from .models import Expon as Expon
from .models import FitzHughNagumo as FitzHughNagumo
from .models import GABAa as GABAa
from .models import Gif as Gif
from .models import GifRef as GifRef
from .models import HindmarshRose as HindmarshRose
from .models import IafPscExp as IafPscExp
from .models import Izhikevich as Izhikevich
from .models import IzhikevichRef as IzhikevichRef
from .models import LeakyRateReadout as LeakyRateReadout
from .models import LeakySpikeReadout as LeakySpikeReadout
from .models import LIFRef as LIFRef
from .models import MgBlock as MgBlock
from .models import MorrisLecar as MorrisLecar
from .models import Network as Network
from .models import Neuron as Neuron
from .models import Projection as Projection
from .models import QuaIF as QuaIF
from .models import QuaIFRef as QuaIFRef
from .models import ShortTermPlasticity as ShortTermPlasticity
from .models import SymmetryGapJunction as SymmetryGapJunction
from .models import Synapse as Synapse
from .models import SynOut as SynOut
from .models import TraubMilesHH as TraubMilesHH
from .models import WangBuzsakiHH as WangBuzsakiHH
from .models import align_post_projection as align_post_projection
from .models import align_pre_projection as align_pre_projection
from .models import project as project
from .nn import Dynamics as Dynamics

if _TYPE_CHECKING:
    from . import io as io
    from . import nest as nest
    from . import parallel as parallel
    from . import snn as snn
    from . import train as train

__version__ = _version()
_LATER = ("io", "nest", "parallel", "snn", "train")  # packages that are imported when they are first used


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return importlib.import_module(f".{name}", __name__)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
