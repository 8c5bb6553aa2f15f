"""What `sl.plan` prints."""

import brainunit as u
import jax.numpy as jnp
import pytest
import spikeloop as sl

pytestmark = pytest.mark.usefixtures("native")


@pytest.fixture(autouse=True)
def time_step():
    sl.environ.set(dt=0.1 * u.ms)


def printed(capsys, *args):
    sl.plan(*args)
    return capsys.readouterr().out


def test_a_network_is_one_call_with_its_count(capsys):
    text = printed(capsys, sl.nn.init_all_states(sl.networks.COBANetwork(400)))
    assert text.startswith("A step: 3 native calls in 1, 0 operations of XLA\ncall 1, 3 joined:\n")
    kept = "spikes as bits that stay, refractory neurons in a calendar"
    assert f"LIFRef float32[400], and 1 sum with its results, {kept}\n" in text
    # V, two conductances (twice: delivered to and decayed), the count
    read, written = 400 * 4 * (1 + 4 + 1), 400 * 4 * (1 + 4 + 1)
    assert f"bytes a step: {read + written:,} of states" in text


def test_what_is_left_to_xla_is_named_with_its_line(capsys):
    first, second = sl.nn.init_all_states(sl.LIF(50)), sl.nn.init_all_states(sl.LIF(50))

    def step(current):
        second(jnp.cumsum(first(current)) * u.mA)

    text = printed(capsys, step, 20.0 * u.mA)
    assert "A step: 2 native calls in 2, " in text
    assert "call 1, alone:\n  LIF float32[50]\n" in text
    assert "cumsum float32[50] at test_show.py:" in text
    assert ", after the call whose results it needs\n" in text
    assert "call 2, alone, which needs results of what stands above:\n  LIF float32[50]\n" in text


def test_a_step_without_native_calls_says_so(capsys):
    count = sl.State(jnp.zeros(3))

    def step():
        count.value = count.value + 1.0

    assert printed(capsys, step).startswith("A step: 0 native calls in 0, 1 operation of XLA\nXLA: add float32[3] at ")


def test_states_keep_their_values(capsys):
    net = sl.nn.init_all_states(sl.networks.COBANetwork(100))
    before = net.N.V.value
    printed(capsys, net)
    assert net.N.V.value is before
