"""Names that brainpy.state, brainstate and braintools have for things that are called otherwise here.

Each is also at the place where those packages have it, so that model code runs after its imports are changed: the
input functions in `sl.inputs`, `DynamicsGroup` in `sl.nn`. New code uses the other names: `sl.inputs.section`,
`sl.nn.Dynamics`.
"""

from .inputs import constant as constant_input
from .inputs import ramp as ramp_input
from .inputs import section as section_input
from .inputs import sinusoidal as sinusoidal_input
from .inputs import spike as spike_input
from .inputs import square as square_input
from .inputs import step as step_input
from .nn import Dynamics as DynamicsGroup

__all__ = [
    "DynamicsGroup",
    "constant_input",
    "ramp_input",
    "section_input",
    "sinusoidal_input",
    "spike_input",
    "square_input",
    "step_input",
]
