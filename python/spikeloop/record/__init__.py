"""Recording of spikes, States and rates, in a loop of your own or by `run`."""

from .._errors import Overflow as Overflow
from ._events import Events as Events
from ._rate import Rate as Rate
from ._rates import Rates as Rates
from ._recorder import Recorder as Recorder
from ._run import Interrupted as Interrupted
from ._run import Run as Run
from ._run import load as load
from ._run import run as run
from ._spikes import Spikes as Spikes
from ._states import States as States
from ._traces import Traces as Traces
from ._trains import SpikeTrains as SpikeTrains
