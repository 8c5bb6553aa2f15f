"""What a GPU confirms: kernels that are native there compute what their references do, and networks spike alike."""

import brainunit as u
import jax
import numpy as np
import pytest
import spikeloop as sl
from kernel_examples import examples
from spikeloop.kernels import _kernel, _library
from spikeloop.kernels.program import _call

pytestmark = pytest.mark.gpu

NATIVE = [
    name
    for name, kernel in sorted(_kernel.KERNELS.items())
    if "cuda" in _library.targets.get(_call.TARGET if kernel.elementwise else name, ())
]


def test_the_library_holds_kernels_for_gpus():
    assert _library.native.cuda_targets(), "build it with `make cuda wheel`"
    assert {"event_scatter", "event_relay", "random_counts", "record_append"} <= {*NATIVE}


@pytest.mark.parametrize("name", NATIVE)
def test_a_kernel_computes_what_its_reference_does(name, gpu):
    operands, structure = examples()[name]
    kernel = _kernel.KERNELS[name]
    reference = jax.jit(lambda **x: kernel.reference(*(x[k] for k in kernel.names(structure)), **structure))
    with jax.default_device(gpu):
        found = jax.jit(lambda **x: kernel.run(x, structure))(**operands)
    with jax.default_device(jax.devices("cpu")[0]):
        wanted = reference(**operands)
    for k, (a, b) in enumerate(zip(found, wanted, strict=True)):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-5, atol=1e-6, err_msg=f"{name}: result {k}")


def test_synapses_are_built_there_and_are_those_of_the_cpu(gpu):
    sl.environ.set(dt=0.1 * u.ms)
    weight, delay = sl.init.Normal(1.0 * u.mV, 0.2 * u.mV), sl.init.Uniform(0.1 * u.ms, 40.0 * u.ms)
    for make in (
        lambda: sl.connect.FixedProb(0.02, weight, seed=1)(900, 70_000),
        lambda: sl.connect.FixedOutDegree(300, weight, delay=delay, multapses=False, seed=2)(900, 5000),
        lambda: sl.connect.FixedInDegree(300, weight, delay=delay, multapses=False, seed=3)(5000, 900),
        lambda: sl.connect.FixedInDegree(300, weight, seed=4)(5000, 9000, targets=(100, 2000)),
        lambda: sl.connect.DistanceDependent(sl.connect.GaussianProfile(0.1), weight, seed=5)((60, 60), (50, 50)),
        lambda: sl.connect.SmallWorld(40, 0.3, weight, delay=delay, seed=6)(3000, 3000),
        lambda: sl.networks.PD14(0.02).recurrent.comm,
    ):
        found = []
        for device in (gpu, jax.devices("cpu")[0]):
            with jax.default_device(device):
                made = make()
            arrays = made.indices, made.indptr, u.get_mantissa(made.weight.value), made.delay
            assert arrays[0].devices() == arrays[2].devices() == {device}
            found.append([np.asarray(-1 if x is None else x) for x in arrays])
        for a, b in zip(*found, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["COBANetwork", "CUBANetwork", "Brunel"])
def test_networks_spike_as_on_the_cpu(name, gpu):
    sl.environ.set(dt=0.1 * u.ms)
    spikes = {}
    for device in (gpu, jax.devices("cpu")[0]):
        with jax.default_device(device):
            sl.random.seed(0)
            net = sl.nn.init_all_states(getattr(sl.networks, name)(1000))
            spikes[device.platform] = np.asarray(sl.transform.for_loop(lambda: net.update(), length=1000))
    counts = [found.sum() for found in spikes.values()]
    assert min(counts) > 100
    assert max(counts) < 1.1 * min(counts)


def test_the_loop_of_a_network_is_captured_in_a_graph(gpu):
    """A handler that is replayed by a CUDA graph is not called in every step."""
    sl.environ.set(dt=0.1 * u.ms)
    with jax.default_device(gpu):
        net = sl.nn.init_all_states(sl.networks.COBANetwork(1000))
        run = sl.transform.jit(lambda: sl.transform.for_loop(lambda: net.update(), length=100))
        text = run.lower().compile().as_text()
    assert "command_buffer" in text
