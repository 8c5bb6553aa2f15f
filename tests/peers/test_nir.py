"""snnTorch and Norse read the files of NIR that we write, and compute the same spikes."""

import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop import nn, snn

nir = pytest.importorskip("nir")
DT = {"snntorch": 1e-4, "norse": 1e-3}
ZERO = {"reset_mechanism": "zero"}


def convolutional():
    return nn.Sequential(
        nn.Conv2d((6, 5, 2), 3, 3, padding=1),
        snn.LIF((6, 5, 3), threshold=0.3),
        nn.Flatten((6, 5, 3)),
        nn.Linear(90, 4),
        snn.LIF(4, threshold=0.2),
    )


MODELS = {
    "LIF": lambda: nn.Sequential(nn.Linear(5, 6), snn.LIF(6, threshold=0.3), nn.Linear(6, 4), snn.LIF(4)),
    "CubaLIF": lambda: nn.Sequential(nn.Linear(5, 6), snn.CubaLIF(6, tau_syn=3.0, threshold=0.3, **ZERO)),
    "Leaky": lambda: nn.Sequential(nn.Linear(5, 6), snn.Leaky(6, 0.8, **ZERO), nn.Linear(6, 4, b_init=None)),
    "RecurrentLIF": lambda: nn.Sequential(nn.Linear(5, 6), snn.RecurrentLIF(6, reset_mechanism="zero")),
    "Conv2d": convolutional,
}
READERS = [("LIF", "norse"), ("CubaLIF", "norse"), ("Conv2d", "norse"), *((name, "snntorch") for name in MODELS)]


@pytest.mark.parametrize(("name", "library"), READERS)
def test_they_compute_the_same(name, library, torch_libraries, tmp_path):
    sl.random.seed(1)
    net, rng = sl.nn.init_all_states(MODELS[name]()), np.random.default_rng(0)
    nir.write(tmp_path / "net.nir", sl.io.to_nir(net, DT[library]))
    x = rng.normal(1.0, 1.0, (40, *net.in_size)).astype("float32")
    ours = np.asarray(sl.transform.for_loop(net, jnp.asarray(x)))
    assert ours.std() > 0.1
    theirs = np.moveaxis(x, -1, 1) if x.ndim > 2 else x
    answer = torch_libraries("outputs", path=str(tmp_path / "net.nir"), x=theirs, library=library)["y"]
    np.testing.assert_allclose(ours, answer, rtol=0, atol=1e-5)
