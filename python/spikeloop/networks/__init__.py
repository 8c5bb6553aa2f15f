"""The standard benchmark networks."""

from .balanced import Balanced as Balanced
from .brunel import Brunel as Brunel
from .brunel_stdp import BrunelSTDP as BrunelSTDP
from .coba import COBANetwork as COBANetwork
from .cobahh import COBAHHNetwork as COBAHHNetwork
from .cuba import CUBANetwork as CUBANetwork
from .pd14 import PD14 as PD14
from .standard_network import StandardNetwork as StandardNetwork
