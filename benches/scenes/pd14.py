"""PD14: the cortical microcircuit of Potjans & Diesmann (2014) with DC drive, by its number of neurons.

The rate over all neurons is 3.3 Hz at full scale. Sizes below it keep the mean and variance of the input.
"""

from typing import Any

from benches.scenes._counted import counted
from benches.scenes._spec import Scene, Size, Target

FULL = 77_169


def network(api: Any, n: int, count: bool) -> Any:
    del count
    return counted(api, api.networks.PD14(n / FULL, drive="dc"))


SCENE = Scene(
    name="pd14",
    sizes=(Size(7_717, 5_000, (2.3, 4.3)), Size(FULL, 10_000, (2.3, 4.3))),
    peers=(),
    network=network,
    targets=(Target(FULL, max_us=300.0),),
)
