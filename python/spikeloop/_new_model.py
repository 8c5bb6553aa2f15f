"""The files of a new neuron model: the model, its test and its page, to be changed from a leaky integrator on."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

_CLASS = '''\
"""$name: a neuron model."""

import brainunit as u
import spikeloop as sl
from spikeloop.models import param, variable


class $name(sl.Neuron):
    r"""Leaky integrate-and-fire neuron.

    $$$$\\tau \\dot V = V_{rest} - V + R I, \\qquad V > V_{th}: \\text{spike}, V = V_{reset}$$$$

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the population | | |
    | `R` | membrane resistance | ohm | 1 |
    | `tau` | membrane time constant | ms | 20 |
    | `V_rest`, `V_th`, `V_reset` | resting potential, threshold, reset | mV | -65, -50, -65 |
    """

    R = param(1.0 * u.ohm)
    tau = param(20.0 * u.ms, positive=True)
    V_rest = param(-65.0 * u.mV)
    V_th = param(-50.0 * u.mV)
    V_reset = param(-65.0 * u.mV)
    V = variable("V_rest", u.mV)

    integrator = "exact"

    @staticmethod
    def derivative(p, s, drive):
        current = drive.current + drive.synaptic
        return {"V": (p.V_rest - s.V + p.R * current) / p.tau}
'''

_TEXT = '''\
"""$name: a neuron model."""

import brainunit as u
import spikeloop as sl

$name = sl.Neuron.from_equations(
    """
    dv/dt = (V_rest - v + R*I) / tau : mV
    """,
    threshold="v > V_th",
    reset="v = V_reset",
    name="$name",
    R=1.0 * u.ohm,
    tau=20.0 * u.ms,
    V_rest=-65.0 * u.mV,
    V_th=-50.0 * u.mV,
    V_reset=-65.0 * u.mV,
)
'''

_TEST = '''\
"""$name against what its equations say."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import spikeloop as sl

from $stem import $name


def test_intervals_are_those_of_the_closed_form():
    """A constant current: V reaches the threshold after tau ln(R I / (R I - 15 mV))."""
    sl.environ.set(dt=0.01 * u.ms)
    current = np.array([16.0, 20.0, 30.0])
    neurons = sl.nn.init_all_states($name(3, spk_reset="hard"))
    spikes = sl.transform.for_loop(lambda: neurons(jnp.asarray(current) * u.mA), length=20_000)
    intervals = [np.diff(np.flatnonzero(row)).mean() * 0.01 for row in np.asarray(spikes).T]
    np.testing.assert_allclose(intervals, 20 * np.log(current / (current - 15)), rtol=2e-3)


def test_a_longer_time_constant_lowers_the_rate():
    """The gradient through the spikes, by the surrogate."""
    sl.environ.set(dt=0.1 * u.ms)
    neuron = $name(1, tau=sl.ParamState(20.0 * u.ms))

    def rate():
        sl.nn.init_all_states(neuron)
        return sl.transform.for_loop(lambda: neuron(30.0 * u.mA), length=500).mean()

    assert sl.transform.grad(rate)()["$name.tau"].mantissa < 0
'''

_PAGE = """\
# $name

What the model is for, and the paper that it comes from.

$$$$\\tau \\dot V = V_{rest} - V + R I$$$$

```python
import brainunit as u
import spikeloop as sl

from $stem import $name

sl.environ.set(dt=0.1 * u.ms)
neurons = sl.nn.init_all_states($name(100))
spikes = sl.transform.for_loop(lambda: neurons(20.0 * u.mA), length=1000)
print(spikes.mean(0) / (0.1 * u.ms))
```
"""


def write(name: str, directory: Path, *, text: bool) -> list[Path]:
    """Write the three files; returns their paths. Files that are there already are left as they are, by an error."""
    if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
        raise ValueError(f"a model has a name such as MyNeuron; given {name!r}")
    stem = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    templates = {f"{stem}.py": _TEXT if text else _CLASS, f"test_{stem}.py": _TEST, f"{stem}.md": _PAGE}
    for file in templates:
        if (directory / file).exists():
            raise FileExistsError(f"{directory / file} is there already")
    directory.mkdir(parents=True, exist_ok=True)
    for file, template in templates.items():
        (directory / file).write_text(Template(template).substitute(name=name, stem=stem))
    return [directory / file for file in templates]
