import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop import nn
from spikeloop._errors import ShapeError

X = jnp.array([0.0, 1.0, 1.0])
DOUBLED = jnp.array([1.0, 0.0, 1.0])


@pytest.mark.parametrize(("combine", "wanted"), [("add", [1, 1, 2]), ("and", [0, 0, 1]), ("iand", [0, 1, 0])])
def test_the_shortcut_is_combined_with_the_output(combine, wanted):
    block = nn.Residual(lambda x: DOUBLED, combine=combine)
    assert block(X).tolist() == wanted


def test_a_shortcut_changes_the_size():
    W, V = np.arange(12.0).reshape(3, 4), np.ones((3, 4))
    block = nn.Residual(nn.Linear(3, 4, W, None), shortcut=nn.Linear(3, 4, V, None))
    np.testing.assert_allclose(block(X), X @ (W + V))
    assert (block.in_size, block.out_size) == ((3,), (4,))
    assert len(block.states(sl.ParamState)) == 2
    with pytest.raises(ShapeError, match=r"the layers give \(4,\), the shortcut \(3,\)"):
        nn.Residual(nn.Linear(3, 4))
