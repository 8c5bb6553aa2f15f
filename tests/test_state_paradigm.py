"""The page "The state paradigm": its code runs, prints what it says, and its statements hold."""

import contextlib
import io
import re
from pathlib import Path
from types import SimpleNamespace

import brainunit as u
import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
import pytest
import spikeloop as sl

PAGE = Path(__file__).parents[1] / "docs" / "state_paradigm.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```\n", PAGE.read_text(), re.DOTALL | re.MULTILINE)
PRINTS = [
    "-65. mV",
    "-60. mV",
    'State (unnamed) holds Quantity(float32[], "mV"); given Quantity(float32[], "ms"). The State keeps its value. '
    "Give a value in mV.",
    "unbatched V shape: (100,)",
    "batched   V shape: (32, 100)",
    "dt = 0.1 ms",
    "t  = 3. ms",
    "i  = 30",
    "[0.   0.   0.25 0.25] [36000000 36000001 36000002 36000003]",
    "after two steps: [-64.60397]",
    "after the reset: [-65.] - same State: True",
    "after one step:  [-64.800995]",
]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """What the blocks define, print and draw, run in order."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    plt.close("all")
    sl.environ.reset()
    names, printed = {}, io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(plt, "show", lambda: None)
        for block in BLOCKS:
            exec(compile(block, str(PAGE), "exec"), names)
    figure = tmp_path_factory.mktemp("page") / "figure.png"
    plt.figure(1).savefig(figure)
    plt.close("all")
    return SimpleNamespace(**names, printed=printed.getvalue(), figure=figure)


def test_every_block_runs_and_prints_what_the_page_shows(page):
    assert len(BLOCKS) == 11
    assert page.printed.splitlines() == PRINTS


def test_uses_no_other_package_for_models():
    modules = set(re.findall(r"^(?:import|from) (\w+)", "".join(BLOCKS), re.MULTILINE))
    assert modules == {"spikeloop", "brainunit", "jax", "matplotlib"}


def test_shapes_and_units(page):
    assert page.voltages.shape == (2000, 1)
    assert page.voltages.unit == u.mV
    assert page.voltages.mantissa.dtype == jnp.float32
    assert page.times.shape == (2000,)
    assert page.weights.value.shape == (2, 2)


def test_rests_until_the_current_and_fires_regularly_after(page):
    V, t = page.voltages.to_decimal(u.mV)[:, 0], page.times.to_decimal(u.ms)
    np.testing.assert_array_equal(V[t <= 50.0], -65.0)
    spikes = np.flatnonzero(V >= -50.0)
    assert len(spikes) == 10
    # From -65 mV towards -45 mV: tau ln(20 / 5) = 13.86 ms, up to the step in which it is noticed.
    np.testing.assert_array_equal(np.diff(spikes), 139)
    assert spikes[0] == np.flatnonzero(t > 50.0)[0] + 138


def test_follows_the_closed_form_between_spikes(page):
    V = page.voltages.to_decimal(u.mV)[:, 0]
    steps = np.arange(1, 140)
    expected = -45.0 - 20.0 * np.exp(-steps * 0.1 / 10.0)
    for spike in np.flatnonzero(V >= -50.0)[:-1]:
        np.testing.assert_allclose(V[spike + 1 : spike + 140], expected, atol=1e-3)


def test_a_hard_reset_starts_every_cycle_alike(page):
    V = page.voltages.to_decimal(u.mV)[:, 0]
    after = V[np.flatnonzero(V >= -50.0) + 1]
    np.testing.assert_array_equal(after, after[0])


def test_the_figure_shows_the_trace(page):
    import matplotlib.pyplot as plt

    image = plt.imread(page.figure)[..., :3]
    blue = (image[..., 2] > image[..., 0] + 0.2).sum()
    red = (image[..., 0] > image[..., 2] + 0.5).sum()
    assert image.shape[1] > 2 * image.shape[0]
    assert blue > 2000
    assert red > 200


def test_the_figures_of_the_page_are_there():
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", PAGE.read_text())
    assert len(shown) == 2
    assert all((PAGE.parent / figure).read_bytes().startswith(b"\x89PNG") for figure in shown)


def test_the_network_written_out_is_active(page):
    assert page.spikes.shape == (3000, 2000)
    rate = page.spikes[1000:].mean() / 1e-4
    assert 10 < rate < 50  # Hz


@pytest.mark.parametrize("dt", [0.1, 0.5])
def test_init_all_states_resets_a_compiled_epoch(dt):
    """The statement "the same call resets", over epochs, with a loop inside and another batch size."""
    neuron = sl.LIF(3, tau=10.0 * u.ms, V_th=100.0 * u.mV)

    @sl.transform.jit
    def epoch():
        sl.transform.for_loop(lambda: neuron(2.0 * u.mA), length=100)
        return neuron.V.value

    with sl.environ.context(dt=dt * u.ms):
        for batch in (None, 2, 2, None, 4):
            sl.nn.init_all_states(neuron, batch_size=batch)
            returned = epoch()
            expected = np.full((3,) if batch is None else (batch, 3), 2.0 * (1 - np.exp(-100 * dt / 10.0)))
            np.testing.assert_allclose(returned.to_decimal(u.mV), expected, rtol=1e-5)
            np.testing.assert_array_equal(neuron.V.value.mantissa, returned.mantissa)


def test_the_trainable_unit_of_the_page_trains(page):
    unit = page.LeakyUnit(4)
    assert list(unit.states(sl.ParamState)) == [("tau",)]

    def loss():
        unit.v.value = jnp.zeros(4) * u.mV
        trace = sl.transform.for_loop(lambda: unit(1.0 * u.mV), length=10)
        return (trace / u.mV).sum()

    with sl.environ.context(dt=0.1 * u.ms):
        (slope,) = sl.transform.grad(loss)().values()
    assert slope.mantissa < 0  # a slower unit stays lower
