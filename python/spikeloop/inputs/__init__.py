"""Input currents and spike trains as arrays with one entry for each time step."""

from ._noise import ou_process as ou_process
from ._noise import poisson as poisson
from ._noise import wiener_process as wiener_process
from ._pulses import burst as burst
from ._pulses import double_exponential as double_exponential
from ._pulses import exponential_decay as exponential_decay
from ._pulses import gaussian_pulse as gaussian_pulse
from ._pulses import spike as spike
from ._sections import constant as constant
from ._sections import ramp as ramp
from ._sections import section as section
from ._sections import step as step
from ._waves import chirp as chirp
from ._waves import sawtooth as sawtooth
from ._waves import sinusoidal as sinusoidal
from ._waves import square as square
from ._waves import triangular as triangular

# the names that they have in older code
section_input = section
constant_input = constant
step_input = step
ramp_input = ramp
spike_input = spike
sinusoidal_input = sinusoidal
square_input = square
