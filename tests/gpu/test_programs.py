"""What a GPU confirms: step programs give the bits of the CPU, sums over neurons included."""

import brainunit as u
import jax
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.kernels import _neuron

from tests.helpers.program_calls import operands_of, population, varied
from tests.models.test_neurons import ALL_NEURONS

pytestmark = pytest.mark.gpu


def results(kernel, args, structure, device):
    with jax.default_device(device):
        return [np.asarray(x) for x in jax.jit(lambda *x: kernel.bind(*x, **structure))(*args)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f32", "f64"])
@pytest.mark.parametrize(("shape", "kinds"), [((10_007,), ("scalar",)), ((3, 257), ("neuron", "row"))], ids=str)
@pytest.mark.parametrize("cls", ALL_NEURONS, ids=lambda cls: cls.__name__)
def test_every_model_gives_the_bits_of_the_cpu(cls, shape, kinds, dtype, gpu):
    sl.environ.set(precision=32 if dtype == np.float32 else 64, dt=0.1 * u.ms)
    config, given = operands_of(*population(cls, shape[-1]))
    args, names, smooth = (
        varied(config, given, shape, dtype, kinds),
        [x.name for x in config.operands()],
        config.smooth(),
    )
    rng, derivative = np.random.default_rng(1), {"config": config, "active": smooth.operands}
    tangents = [rng.normal(size=args[names.index(name)].shape).astype(dtype) for name in smooth.operands]
    cts = [rng.normal(size=shape).astype(dtype) for _ in smooth.results]
    for kernel, more, structure in (
        (_neuron.step_p, [], {"config": config}),
        (_neuron.jvp_p, tangents, derivative),
        (_neuron.vjp_p, cts, derivative),
    ):
        found, wanted = (results(kernel, [*args, *more], structure, x) for x in (gpu, jax.devices("cpu")[0]))
        for k, (a, b) in enumerate(zip(found, wanted, strict=True)):
            bits = f"u{a.dtype.itemsize}"
            same = (a.view(bits) == b.view(bits)) | np.isnan(a) & np.isnan(b)
            assert same.all(), (kernel.name, k, a[~same][:3], b[~same][:3])
