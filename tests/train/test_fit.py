"""The loop over batches: it learns, goes on from a checkpoint as if it had not stopped, and stops early."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import spikeloop as sl

STEPS, FEATURES, CLASSES = 20, 12, 3


class Net(sl.nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = sl.nn.Linear(FEATURES, 16, w_init=sl.init.KaimingNormal(scale=200.0, unit=u.mA), b_init=None)
        self.cells = sl.LIF(16, tau=10.0 * u.ms, V_th=1.0 * u.mV, spk_fun=sl.surrogate.Sigmoid(alpha=4.0))
        self.out = sl.nn.Linear(16, CLASSES)

    def update(self, x):
        return self.out(self.cells(self.hidden(x)))


def patterns(n=60):
    """Each class has features of its own that spike more often."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, CLASSES, n)
    p = np.where(np.arange(FEATURES) % CLASSES == y[:, None], 0.4, 0.05)
    return (rng.random((STEPS, n, FEATURES)) < p).astype(np.float32), y


def loss(outputs, y):
    return sl.train.membrane_cross_entropy(outputs, y, "mean")


def accuracy(outputs, y):
    return sl.train.accuracy(outputs, y)


@pytest.fixture
def new():
    sl.environ.set(dt=1.0 * u.ms)

    def make():
        sl.random.seed(0)
        net = Net()
        return net, sl.train.Optimizer(optax.adam(2e-2), net)

    return make


def train(net, optimizer, epochs, **options):
    x, y = patterns()
    data = sl.train.Batches(x, y, 20)
    return sl.train.fit(net, data, loss, optimizer, epochs=epochs, metrics={"accuracy": accuracy}, **options)


def test_it_learns_and_validates(new, capsys):
    x, y = patterns(20)
    history = train(*new(), 8, validation=[(jnp.asarray(x), jnp.asarray(y))])
    assert {*history} == {"loss", "accuracy", "validation loss", "validation accuracy"}
    assert history["accuracy"][-1] > 0.9 > history["accuracy"][0] + 0.1
    assert history["validation loss"][-1] < history["validation loss"][0]
    assert "epoch 8: loss" in capsys.readouterr().out


def test_a_checkpoint_goes_on_as_if_it_had_not_stopped(new, tmp_path):
    whole = train(*new(), 4, pbar=False)
    train(*new(), 2, pbar=False, checkpoint=tmp_path / "run.safetensors")
    net, optimizer = new()
    again = train(net, optimizer, 4, pbar=False, checkpoint=tmp_path / "run.safetensors")
    assert again == whole
    assert train(*new(), 4, pbar=False, checkpoint=tmp_path / "run.safetensors") == whole


def test_callbacks_stop_early(new):
    history = train(*new(), 9, pbar=False, callbacks=[sl.train.EarlyStop("accuracy", 1, rises=False)])
    assert len(history["loss"]) == 2  # the accuracy rises, which is not asked for
    assert not sl.train.EarlyStop("a", 2)({"a": [3.0, 2.0, 1.0]})
    assert sl.train.EarlyStop("a", 2)({"a": [1.0, 2.0, 3.0]})


def test_an_iterator_that_is_used_up_is_refused(new):
    x, y = patterns(20)
    net, optimizer = new()
    batches = iter([(jnp.asarray(x), jnp.asarray(y))])
    with pytest.raises(ValueError, match="used up"):
        sl.train.fit(net, batches, loss, optimizer, epochs=2, pbar=False)


def test_batches_hold_each_sample_once_in_another_order_each_epoch():
    x, y = np.arange(10)[None, :, None], np.arange(10)
    batches = sl.train.Batches(x, y, 3)
    epochs = [np.concatenate([b for _, b in batches]) for _ in range(2)]
    assert len(batches) == 3
    assert all(len(np.unique(e)) == 9 for e in epochs)
    assert (epochs[0] != epochs[1]).any()
    for a, b in batches:
        np.testing.assert_array_equal(a[0, :, 0], b)
    with pytest.raises(sl.errors.ShapeError, match="x has 10 samples on axis 1, y has 9"):
        sl.train.Batches(x, y[:9], 3)
    with pytest.raises(ValueError, match="from 1 to the 10 samples; given 11"):
        sl.train.Batches(x, y, 11)
