import brainunit as u
import pytest
import spikeloop as sl
from spikeloop.nn import EnvironContext


class Shows(sl.nn.Module):
    def update(self, x, *, y=0):
        return x + y, sl.environ.get("dt"), sl.environ.get("fit", None)


def test_the_layer_runs_under_its_settings():
    layer = EnvironContext(Shows(), fit=True, dt=0.2 * u.ms)
    with sl.environ.context(dt=0.1 * u.ms, fit=False):
        assert layer(1, y=2) == (3, 0.2 * u.ms, True)
        assert layer(1, context={"fit": None}) == (1, 0.2 * u.ms, None)
        layer.add_context(dt=0.3 * u.ms)
        assert layer(1) == (1, 0.3 * u.ms, True)
        assert sl.environ.get_dt() == 0.1 * u.ms


def test_it_holds_the_states_and_sizes_of_the_layer():
    linear = sl.nn.Linear(2, 3)
    layer = EnvironContext(linear, fit=True)
    assert layer.states() == {("layer", "weight"): linear.weight}
    assert (layer.in_size, layer.out_size) == ((2,), (3,))


def test_a_layer_is_a_module():
    with pytest.raises(TypeError, match="EnvironContext: layer must be a Module; given <built-in function abs>"):
        EnvironContext(abs, fit=True)
