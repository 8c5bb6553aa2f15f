"""Models saved to a file and loaded again; files that are damaged, foreign or of another model are refused."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl

safetensors = pytest.importorskip("safetensors.numpy")


class Net(sl.nn.Module):
    def __init__(self, n=3, tau=10.0 * u.ms):
        super().__init__()
        self.cells = sl.LIF(n, tau=sl.ParamState(jnp.full(n, tau.mantissa) * tau.unit))
        self.out = sl.nn.Linear(n, 2)
        self.synapses = sl.project(self.cells, self.cells, sl.connect.AllToAll(0.5 * u.mV), delay=1.0 * u.ms)

    def update(self):
        self.synapses()
        return self.out(self.cells(30.0 * u.mA))


@pytest.fixture
def saved(tmp_path):
    sl.environ.set(dt=0.1 * u.ms)
    net = sl.nn.init_all_states(Net())
    sl.transform.for_loop(net, length=57)
    sl.io.save(net, tmp_path / "net.safetensors")
    return net, tmp_path / "net.safetensors"


def test_a_loaded_model_goes_on_as_the_saved_one(saved):
    net, path = saved
    sl.random.seed(99)
    other = sl.nn.init_all_states(Net(tau=20.0 * u.ms))
    sl.io.load(other, path)
    assert u.math.allclose(other.cells.tau.value, 10.0 * u.ms)
    outputs = [sl.transform.for_loop(model, length=200) for model in (net, other)]
    np.testing.assert_array_equal(*outputs)


def test_units_are_converted_or_refused(saved):
    _, path = saved
    other = sl.nn.init_all_states(Net(tau=0.02 * u.second))
    sl.io.load(other, path)
    assert u.math.allclose(other.cells.tau.value, 10.0 * u.ms)
    other = sl.nn.init_all_states(Net())
    other.cells.V.reinit(jnp.zeros(3) * u.mA)
    with pytest.raises(sl.errors.UnitError, match="cells.V: the file holds cells.V in mV; the model in mA"):
        sl.io.load(other, path)


def test_another_model_is_refused_by_path_and_keeps_its_values(saved, tmp_path):
    _, path = saved
    larger = sl.nn.init_all_states(Net(4))
    before = sl.nn.save_states(larger)
    with pytest.raises(
        sl.errors.ShapeError, match=r"cells.*: the file holds float\d\d\[3\] for cells.*Nothing was loaded"
    ):
        sl.io.load(larger, path)
    for name, value in sl.nn.save_states(larger).items():
        assert value is before[name]
    with pytest.raises(ValueError, match="it lacks weight; the model lacks cells"):
        sl.io.load(sl.nn.Linear(3, 2), path)
    sl.io.load(sl.nn.Linear(3, 2), path, strict=False)


def test_parameters_alone(saved, tmp_path):
    net, _ = saved
    sl.io.save(net, tmp_path / "parameters", sl.ParamState)
    fresh = Net(tau=20.0 * u.ms)
    sl.io.load(fresh, tmp_path / "parameters")
    np.testing.assert_array_equal(fresh.out.weight.value["weight"], net.out.weight.value["weight"])


@pytest.mark.parametrize("place", [4, 40, -5])
def test_a_changed_byte_is_found(saved, place):
    net, path = saved
    data = bytearray(path.read_bytes())
    data[place] ^= 0x41
    path.write_bytes(data)
    with pytest.raises(sl.errors.DamagedStoreError, match=r"net.safetensors"):
        sl.io.load(net, path)


def test_truncated_and_foreign_files_are_refused(saved):
    net, path = saved
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(sl.errors.DamagedStoreError, match="is damaged, or no file of safetensors"):
        sl.io.load(net, path)
    path.write_bytes(safetensors.save({"w": np.zeros(3)}))
    with pytest.raises(sl.errors.DamagedStoreError, match="was not written by sl.io.save: its format is None"):
        sl.io.load(net, path)
    with pytest.raises(FileNotFoundError):
        sl.io.load(net, path.with_name("nowhere"))
