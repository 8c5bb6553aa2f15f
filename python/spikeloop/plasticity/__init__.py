"""Plasticity: rules by which the spikes on both sides of a projection change its weights."""

from ._clopath import Clopath as Clopath
from ._dopamine import DopamineSTDP as DopamineSTDP
from ._from_equations import from_equations as from_equations
from ._homeostatic import HomeostaticScaling as HomeostaticScaling
from ._plasticity import Change as Change
from ._plasticity import Plasticity as Plasticity
from ._plasticity import trace as trace
from ._stdp import STDP as STDP
from ._triplet import TripletSTDP as TripletSTDP
from ._vogels_sprekeler import VogelsSprekeler as VogelsSprekeler
from ._weight_rule import WeightRule as WeightRule
