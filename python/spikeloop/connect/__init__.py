"""Connectivity: rules that draw synapses, and the connections that store and propagate them."""

from ._connection import Connection as Connection
from ._rules import FixedOutDegree as FixedOutDegree
from ._rules import FixedProb as FixedProb
from ._rules import Rule as Rule
