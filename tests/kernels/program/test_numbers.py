"""Operands that are numbers become constants of a program, which gives the same bits."""

import jax.numpy as jnp
import numpy as np
import pytest
from spikeloop.kernels.program._numbers import with_numbers
from spikeloop.kernels.program._trace import program_of

from tests.helpers.interpreter import run

X = np.linspace(-70.0, -40.0, 61, dtype=np.float32)


def step(x, rest, scale, threshold, reset, tau):
    """A step of a neuron, whose spike is chosen as surrogates do."""
    x = x + jnp.exp(-scale * x / tau) * 1e-3 + tau * (rest - x) * (scale * 0.5)
    fires = (x - threshold) / (threshold - reset) >= 0
    return jnp.where(fires, reset, x), jnp.where(fires, 1.0, 0.0)


def both(*numbers):
    """The program of the step, and the same with numbers for all operands but the last."""
    uniform = (False, *[True] * len(numbers))
    plain = program_of(step, "float32", uniform, (False, False), {0: 0})
    return plain, with_numbers(plain, dict(enumerate(numbers[:-1], start=1)))


def results(program, operands):
    return run(program.text(), *(operands[k] for k in program.operands))[0]


def test_the_bits_are_those_of_the_plain_program():
    numbers = [np.float32(x) for x in (-60.0, 1.0, -50.0, -60.0, 20.0)]
    plain, known = both(*numbers)
    assert known.operands == (0, 5)
    np.testing.assert_array_equal(results(known, [X, *numbers]), results(plain, [X, *numbers]))
    assert [out.alias for out in known.outs] == [out.alias for out in plain.outs]


def test_a_factor_1_and_the_scale_of_a_comparison_go():
    count = lambda program, op: sum(value.op == op and not value.uniform for value in program.values)  # noqa: E731
    plain, one = both(-60.0, 1.0, -50.0, -60.0, 20.0)
    two = both(-60.0, 2.0, -50.0, -60.0, 20.0)[1]
    assert count(one, "mul") < count(two, "mul") < count(plain, "mul")
    assert count(one, "sub") < count(plain, "sub")


@pytest.mark.parametrize(("threshold", "reset"), [(0.0, -1.0), (1e-35, -1.0), (-50.0, -40.0), (np.inf, 0.0)])
def test_a_comparison_keeps_what_its_result_depends_on(threshold, reset):
    """A difference times its scale may be 0, or the scale be negative or no number."""
    numbers = [np.float32(x) for x in (-60.0, 1.0, threshold, reset, 20.0)]
    plain, known = both(*numbers)
    x = np.concatenate([X, np.float32([0.0, -1e-37, 1e-37, 3e-38, -3e-38, np.nan, np.inf, -np.inf])])
    np.testing.assert_array_equal(results(known, [x, *numbers]), results(plain, [x, *numbers]))
