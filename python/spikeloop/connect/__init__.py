"""Connectivity: rules that draw synapses, and the connections that store and propagate them."""

from ._blocks import Blocks as Blocks
from ._connection import Connection as Connection
from ._connectivity import Connectivity as Connectivity
from ._edges import Edges as Edges
from ._edges import from_coo as from_coo
from ._edges import from_csr as from_csr
from ._edges import from_scipy as from_scipy
from ._fixed_prob import FixedProb as FixedProb
from ._positions import Positions as Positions
from ._positions import grid as grid
from ._procedural import Procedural as Procedural
from ._procedural import ProceduralConnection as ProceduralConnection
from ._rule import Rule as Rule
from ._rules import AllToAll as AllToAll
from ._rules import FixedInDegree as FixedInDegree
from ._rules import FixedOutDegree as FixedOutDegree
from ._rules import FixedTotalNumber as FixedTotalNumber
from ._rules import OneToOne as OneToOne
from ._rules import SmallWorld as SmallWorld
from ._spatial import BoxProfile as BoxProfile
from ._spatial import DistanceDependent as DistanceDependent
from ._spatial import ExponentialProfile as ExponentialProfile
from ._spatial import GaussianProfile as GaussianProfile
from ._spatial import Profile as Profile
from ._spec import Synapses as Synapses
from ._view import View as View
