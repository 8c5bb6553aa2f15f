"""The standard benchmark networks."""

from .balanced import Balanced as Balanced
from .brunel import Brunel as Brunel
from .brunel_stdp import BrunelSTDP as BrunelSTDP
from .coba import COBA as COBA
from .cobahh import COBAHH as COBAHH
from .cuba import CUBA as CUBA
from .network import Network as Network
from .pd14 import PD14 as PD14
