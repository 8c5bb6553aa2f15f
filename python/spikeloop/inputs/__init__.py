"""Input currents and spike trains: as arrays over time, or as Modules that are called once for each step."""

from ._currents import ConstantInput as ConstantInput
from ._currents import RampInput as RampInput
from ._currents import SectionInput as SectionInput
from ._currents import SinusoidalInput as SinusoidalInput
from ._currents import StepInput as StepInput
from ._noise import noisy_sinusoidal as noisy_sinusoidal
from ._noise import ou_process as ou_process
from ._noise import poisson as poisson
from ._noise import wiener_process as wiener_process
from ._noise_currents import OUProcessInput as OUProcessInput
from ._noise_currents import WienerProcessInput as WienerProcessInput
from ._poisson_input import PoissonInput as PoissonInput
from ._poisson_input import poisson_input as poisson_input
from ._pulses import burst as burst
from ._pulses import double_exponential as double_exponential
from ._pulses import exponential_decay as exponential_decay
from ._pulses import gaussian_pulse as gaussian_pulse
from ._pulses import spike as spike
from ._sections import constant as constant
from ._sections import ramp as ramp
from ._sections import section as section
from ._sections import step as step
from ._spikes import PoissonEncoder as PoissonEncoder
from ._spikes import PoissonSpike as PoissonSpike
from ._spikes import SpikeTime as SpikeTime
from ._timed_array import TimedArray as TimedArray
from ._waves import chirp as chirp
from ._waves import sawtooth as sawtooth
from ._waves import sinusoidal as sinusoidal
from ._waves import square as square
from ._waves import triangular as triangular

# the names of spikeloop.compat, where braintools has them
section_input = section
constant_input = constant
step_input = step
ramp_input = ramp
spike_input = spike
sinusoidal_input = sinusoidal
square_input = square
