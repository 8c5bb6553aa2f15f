"""Synapse with a rise and a decay."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u

from .._form import param, variable
from .._units import with_unit
from ._math import exp, exp_difference, log1prel
from ._synapse import Synapse


class DualExpon(Synapse):
    r"""Synapse whose conductance is the difference of two exponentials.

    $$g(t) = k \sum_\mathrm{spikes} w \left( e^{-(t - t_s)/\tau_\mathrm{decay}} - e^{-(t - t_s)/\tau_\mathrm{rise}}
    \right)$$

    Integrated exactly, also at equal time constants, where the normalized form is an `Alpha` synapse. The state h is
    the part that decays with τ_rise; arrivals add to it.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the population | | |
    | `tau_decay` | decay time constant | ms | 10 |
    | `tau_rise` | rise time constant | ms | 1 |
    | `amplitude` | peak of g after a spike of weight 1; k if not normalized | | 1 |
    | `h_initializer` | initial h | as g | 0 |
    | `g_initializer` | initial g; its unit is that of g | any | 0 mS |
    | `normalize` | whether k is such that g peaks at `amplitude` | | True |

    >>> synapse = sl.nn.init_all_states(sl.DualExpon(1, tau_decay=10 * u.ms, tau_rise=1 * u.ms))
    >>> g = sl.transform.for_loop(lambda x: synapse(x * u.mS), jnp.zeros(100).at[0].set(1.0))
    >>> int(g.argmax())  # it peaks after 2.6 ms
    26

    Destexhe A, Mainen ZF, Sejnowski TJ (1994) Neural Comput. 6:14.
    """

    tau_decay = param(10.0 * u.ms, positive=True)
    tau_rise = param(1.0 * u.ms, positive=True)
    amplitude = param(1.0)
    h = variable(0.0, u.mS)
    g = variable(0.0 * u.mS, u.mS)

    options: ClassVar[dict[str, Any]] = {"normalize": True}
    dynamics = "cascade"

    def derive(self, p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        d, r = dt / p.tau_decay, dt / p.tau_rise
        # k (e⁻ᵈ − e⁻ʳ), without the pole that k has at equal time constants
        feed = p.amplitude * exp_difference(d, r) * (r * _peak(p) if self.normalize else r - d)
        return exp(-r), exp(-d), feed

    @property
    def g_rise(self) -> Any:
        """The part of g/k that decays with τ_rise."""
        return self.h.value

    @property
    def g_decay(self) -> Any:
        """The part of g/k that decays with τ_decay."""
        p = self.numbers()
        inverse = (1 - p.tau_rise / p.tau_decay) / _peak(p) if self.normalize else 1.0
        h, g = self.state_numbers()
        return with_unit(h + g * inverse / p.amplitude, self.unit)


def _peak(p: SimpleNamespace) -> Any:
    """The factor k (1 − τ_rise/τ_decay) of the normalized form."""
    ratio = p.tau_rise / p.tau_decay
    return exp(ratio * log1prel(ratio - 1))
