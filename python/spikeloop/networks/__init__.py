"""The standard benchmark networks."""

from .coba import COBA as COBA
from .cuba import CUBA as CUBA
