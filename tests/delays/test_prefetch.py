"""Classes of the past of a Module; what they return is tested in test_delay.py through the methods that make them."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._errors import NotInitializedError
from spikeloop.nn import OutputDelayAt, Prefetch, PrefetchDelay, PrefetchDelayAt, StateWithDelay


@pytest.fixture(autouse=True)
def dt():
    sl.environ.set(dt=0.1 * u.ms)


class Ramp(sl.nn.Module):
    """x rises by 1 in every call, which returns 10 x."""

    def __init__(self, size=2):
        super().__init__("ramp")
        self.out_size = size

    def init_state(self, batch_size=None):
        self.x = sl.HiddenState(jnp.zeros(self.out_size if batch_size is None else (batch_size, *self.out_size)))

    def update(self):
        self.x.value = self.x.value + 1
        return 10 * self.x.value


def _last(ramp, read, calls=5):
    sl.nn.init_all_states(ramp)

    def step():
        ramp()
        return read()

    return np.asarray(sl.transform.for_loop(step, length=calls))[-1]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda m: PrefetchDelayAt(m, "x", 0.2 * u.ms), [3, 3]),
        (lambda m: PrefetchDelayAt(m, "x", 0.2 * u.ms, [1]), [3]),
        (lambda m: PrefetchDelayAt(m, "x", (0.2 * u.ms, [1])), [3]),
        (lambda m: PrefetchDelayAt(m, "x", np.array([0.1, 0.3]) * u.ms), [4, 2]),
        (lambda m: PrefetchDelayAt(m, "x", 1.0 * u.ms, delay_init=jnp.full(2, -1.0)), [-1, -1]),
        (lambda m: PrefetchDelayAt(m, "x"), [5, 5]),
        (lambda m: PrefetchDelay(m, "x").at(0.2 * u.ms), [3, 3]),
        (lambda m: m.prefetch("x").delay.at(0.2 * u.ms), [3, 3]),
        (lambda m: m.prefetch_delay("x", 0.2 * u.ms), [3, 3]),
        (lambda m: OutputDelayAt(m, 0.2 * u.ms), [30, 30]),
        (lambda m: OutputDelayAt(m, 0.2 * u.ms, [0]), [30]),
        (lambda m: OutputDelayAt(m, 1.0 * u.ms, delay_init=jnp.full(2, 7.0)), [7, 7]),
        (lambda m: m.output_delay(0.2 * u.ms), [30, 30]),
        (lambda m: Prefetch(m, "x"), [5, 5]),
    ],
)
def test_what_they_return(make, expected):
    ramp = Ramp()
    np.testing.assert_array_equal(_last(ramp, make(ramp)), expected)


def test_the_methods_make_the_classes_and_share_a_ring():
    ramp = Ramp()
    first, second = ramp.prefetch_delay("x", 0.1 * u.ms), PrefetchDelayAt(ramp, "x", 0.3 * u.ms)
    assert type(first) is PrefetchDelayAt
    assert type(ramp.output_delay(0.1 * u.ms)) is OutputDelayAt
    assert first.delay is second.delay
    assert isinstance(first.delay, StateWithDelay)
    with pytest.raises(NotInitializedError, match=r"ramp\.x does not exist yet"):
        first.delay.state
    assert sl.nn.init_all_states(ramp).x is first.delay.state


def test_a_state_with_delay_of_its_own():
    ramp = Ramp()
    past = StateWithDelay(ramp, "x", time=0.3 * u.ms)
    net = sl.nn.Module()
    net.past, net.ramp = past, ramp  # its ring is made after the State, whatever comes first
    sl.nn.init_all_states(net, batch_size=3)

    def step():
        ramp()
        past.update()
        return past.retrieve_at_step(2)

    out = sl.transform.for_loop(step, length=5)
    np.testing.assert_array_equal(out[-1], np.full((3, 2), 3.0))


def test_too_much_is_refused():
    with pytest.raises(TypeError, match=r"A delay is given as \(time\) or \(time, index\); given"):
        PrefetchDelayAt(Ramp(), "x", 0.1 * u.ms, [0], [1])


class TestKeywordsOfDelay:
    @pytest.mark.parametrize(
        ("options", "kind"),
        [
            ({}, "nearest"),
            ({"interp_method": "linear_interp"}, "linear"),
            ({"interp_method": "round", "delay_method": "concat", "take_aware_unit": True}, "nearest"),
            ({"interpolation": "linear", "interp_method": "round"}, "linear"),
        ],
    )
    def test_interpolation(self, options, kind):
        assert sl.nn.Delay(jnp.zeros(2), time=1.0 * u.ms, **options).interpolation == kind

    @pytest.mark.parametrize(
        ("options", "match"),
        [
            ({"interp_method": "cubic"}, "interpolation must be 'nearest' or 'linear'; given 'cubic'"),
            ({"delay_method": "copy"}, "delay_method must be 'rotation' or 'concat'; given 'copy'"),
            ({"update_every": 1.0 * u.ms}, r"a delay is written in every update; given update_every=1\. ms"),
        ],
    )
    def test_what_is_refused(self, options, match):
        with pytest.raises(ValueError, match=match):
            sl.nn.Delay(jnp.zeros(2), time=1.0 * u.ms, **options)
