"""Module and the layers between populations."""

from ._desc import Desc as Desc
from ._init_states import call_all_fns as call_all_fns
from ._init_states import init_all_states as init_all_states
from ._init_states import load_states as load_states
from ._init_states import reset_all_states as reset_all_states
from ._init_states import save_states as save_states
from ._init_states import vmap_init_all_states as vmap_init_all_states
from ._module import Module as Module

# isort: split
from ._delay import Delay as Delay
from ._delay import DelayAccess as DelayAccess
from ._delay import Prefetch as Prefetch
from ._dynamics import Dynamics as Dynamics
from ._dynamics import not_receive_update_input as not_receive_update_input
from ._dynamics import not_receive_update_output as not_receive_update_output
from ._dynamics import receive_update_input as receive_update_input
from ._dynamics import receive_update_output as receive_update_output
from ._event import EventFixedNumConn as EventFixedNumConn
from ._event import EventFixedProb as EventFixedProb
from ._event import EventLinear as EventLinear
from ._event import FixedNumConn as FixedNumConn
from ._event import SparseLinear as SparseLinear
from ._integrate import exp_euler_step as exp_euler_step
from ._integrate import rk2_step as rk2_step
from ._integrate import rk4_step as rk4_step
from ._linear import AllToAll as AllToAll
from ._linear import Linear as Linear
from ._linear import OneToOne as OneToOne
from ._linear import SignedWLinear as SignedWLinear
from ._sequential import Sequential as Sequential

DynamicsGroup = Dynamics
