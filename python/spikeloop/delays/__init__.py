"""Delays: the past of variables, and spikes and input that are under way."""

from ._delay import Delay as Delay
from ._delay import DelayAccess as DelayAccess
from ._prefetch import OutputDelayAt as OutputDelayAt
from ._prefetch import Prefetch as Prefetch
from ._prefetch import PrefetchDelay as PrefetchDelay
from ._prefetch import PrefetchDelayAt as PrefetchDelayAt
from ._prefetch import StateWithDelay as StateWithDelay
