import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl

REFRACTORY = [
    cls for cls in vars(sl.models).values() if isinstance(cls, type) and "tau_ref" in getattr(cls, "params", {})
]


@pytest.mark.parametrize("model", REFRACTORY, ids=lambda cls: cls.__name__)
def test_every_model_with_a_refractory_period_takes_it(model):
    assert model(2, ref_var=True).ref_var is True
    assert model(2).ref_var is False


def test_it_tells_who_is_refractory():
    neuron = sl.nn.init_all_states(sl.LIFRef(2, tau_ref=0.5 * u.ms, ref_var=True))

    def step(i):
        spikes = neuron(jnp.where(i < 2, jnp.array([60.0, 0.0]), 0.0) * u.mA)
        return spikes, neuron.refractory.value

    with sl.environ.context(dt=0.1 * u.ms):
        spikes, refractory = map(np.asarray, sl.transform.for_loop(step, jnp.arange(20)))
    first = int(np.argmax(spikes[:, 0]))
    expected = np.zeros(20, bool)
    expected[first : first + 5] = True
    assert spikes.sum() == 1
    np.testing.assert_array_equal(refractory[:, 0], expected)
    assert not refractory[:, 1].any()


def test_without_it_the_steps_are_named():
    with pytest.raises(AttributeError, match=r"LIFRef\.refractory exists only with ref_var=True; `ref_left` counts"):
        sl.nn.init_all_states(sl.LIFRef(2)).refractory
    with pytest.raises(TypeError, match="ref_var"):
        sl.LIF(2, ref_var=True)
