"""Leaky integrate-and-fire neurons with a synapse of their own."""

from __future__ import annotations

from typing import Any, ClassVar

import brainunit as u

from .._form import param
from .._units import check_unit
from ._receptor import receptor_of
from .expon import Expon
from .lif import LIF
from .output import COBA, CUBA


class CubaLIF(LIF):
    r"""Leaky integrate-and-fire neuron with an exponential synaptic current g.

    $$\tau \dot V = -(V - V_\mathrm{rest}) + R (g + I), \qquad \tau_\mathrm{syn} \dot g = -g$$

    Delta input adds to g. The stored g is that of the next step, before its arrivals.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `tau_syn` | decay time constant of g | ms | 5 |
    | `g_initializer` | initial g | mA | 0 |
    | others | as in `LIF` | | |
    """

    tau_syn = param(5.0 * u.ms, positive=True)

    options: ClassVar[dict[str, Any]] = {"g_initializer": 0.0 * u.mA}
    delta_into = "g"

    def _configure(self, **options: Any) -> None:
        g_initializer = options.pop("g_initializer")
        super()._configure(**options)
        if not callable(g_initializer):
            unit = type(self).options["g_initializer"].unit
            check_unit(g_initializer, unit, f"{type(self).__name__}: g_initializer")
        syn = Expon.desc(self.varshape, tau=self.tau_syn, g_initializer=g_initializer)
        receptor_of(self, syn, self._output(), type(self).__name__)

    def _output(self) -> Any:
        return CUBA.desc(scale=1.0)

    @property
    def g(self) -> Any:
        """The synaptic variable."""
        return self.receptors[0].syn.g

    @property
    def delta_unit(self) -> Any:
        """The unit of delta input, that of g."""
        return self.receptors[0].syn.unit

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Make the states, with a first axis of `batch_size` samples if given."""
        super().init_state(batch_size)
        self.receptors[0].syn.init_state(batch_size)


class CobaLIF(CubaLIF):
    r"""Leaky integrate-and-fire neuron with an exponential synaptic conductance g.

    $$\tau \dot V = -(V - V_\mathrm{rest}) + R (g (E - V) + I), \qquad \tau_\mathrm{syn} \dot g = -g$$

    Delta input adds to g. The stored g is that of the next step, before its arrivals.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `E` | reversal potential of the synapse | mV | 0 |
    | `g_initializer` | initial g | S | 0 |
    | others | as in `CubaLIF` | | |
    """

    E = param(0.0 * u.mV)

    options: ClassVar[dict[str, Any]] = {"g_initializer": 0.0 * u.siemens}

    def _output(self) -> Any:
        return COBA.desc(E=self.E)
