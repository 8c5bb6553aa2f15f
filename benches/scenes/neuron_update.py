"""The update of each neuron model alone, against its own reference step compiled by JAX.

One scene for all models; `lif_update` and `coba_update` have a reference that is written by hand.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any

from benches.scenes._spec import Scene, Size, Target

Range = tuple[float, float]

# Model: the current over the population in the model's unit, with which every neuron fires at its own rate, and the
# range of mean rates in Hz over 40 to 200 ms.
MODELS: dict[str, tuple[Range, Range]] = {
    "IF": ((1.5, 3.0), (300, 360)),
    "ALIF": ((1.5, 3.0), (130, 250)),
    "ExpIF": ((20.0, 40.0), (140, 180)),
    "AdExIF": ((30.0, 60.0), (240, 320)),
    "QuaIF": ((30.0, 50.0), (95, 130)),
    "AdQuaIF": ((50.0, 80.0), (135, 165)),
    "Gif": ((1.5, 3.0), (65, 90)),
    "CubaLIF": ((1.5, 3.0), (300, 360)),
    "CobaLIF": ((1.5, 3.0), (300, 360)),
    "Izhikevich": ((10.0, 20.0), (30, 37)),
    "IafPscExp": ((600.0, 1000.0), (100, 130)),
    "HH": ((8.0, 15.0), (65, 80)),
    "TraubMilesHH": ((200.0, 500.0), (55, 73)),
    "WangBuzsakiHH": ((1.0, 3.0), (68, 84)),
    "MorrisLecar": ((90.0, 120.0), (12, 28)),
    "FitzHughNagumo": ((0.5, 1.0), (22, 33)),
    "HindmarshRose": ((2.5, 3.5), (85, 185)),
}
CHANNELS = {"HH", "TraubMilesHH", "WangBuzsakiHH"}
# With constant parameters these have no exponential left to compute: no target, as for `lif_update`.
LINEAR = {"IF", "ALIF", "CubaLIF", "IafPscExp"}
RANDOM_START = {"HH", "MorrisLecar"}


def network(api: Any, n: int, count: bool, model: str) -> Any:
    u = import_module("brainunit")
    jnp = import_module("jax.numpy")
    cls = getattr(api, model)
    low, high = MODELS[model][0]
    drive = jnp.linspace(low, high, n, dtype=jnp.float32)
    drive = drive if cls.current_unit.is_unitless else u.Quantity(drive, unit=cls.current_unit)

    class Population(api.nn.Module):
        def __init__(self):
            super().__init__()
            self.N = cls(n, V_initializer=-65.0 * u.mV) if model in RANDOM_START else cls(n)

        def init_state(self, *args, **kwargs):
            self.n_spk = api.ShortTermState(jnp.zeros(n))

        def reset_state(self, *args, **kwargs):
            self.n_spk.value = jnp.zeros(n)

        def update(self, t):
            spikes = self.N(drive)
            if count:
                self.n_spk.value += spikes

    return Population()


def targets(model: str) -> tuple[Target, ...]:
    if model in LINEAR:
        return ()
    few, many = (4.0, 4.0) if model in CHANNELS else (6.0, 3.0)
    return Target(4_000, "reference", min_ratio=few), Target(400_000, "reference", min_ratio=many)


def scene(model: str) -> Scene:
    rate = MODELS[model][1]
    return Scene(
        name=f"{model.lower()}_update",
        sizes=(Size(4_000, 2_000, rate, short_steps=200), Size(400_000, 400, rate, short_steps=40)),
        peers=("reference",),
        network=partial(network, model=model),
        targets=targets(model),
        counts_while_timed=False,
    )


SCENES = tuple(scene(model) for model in MODELS)
