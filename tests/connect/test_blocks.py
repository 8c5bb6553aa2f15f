"""Blocks: the synapses of each rule stand where they belong, with their weights and delays."""

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._errors import ShapeError, UnitError
from spikeloop.connect import Blocks, FixedInDegree, FixedOutDegree, FixedTotalNumber
from spikeloop.connect import _blocks as blocks_module

SIZES = (7, 5)


def rules():
    drawn = {"weight": sl.init.Normal(2.0 * u.nA, 0.1 * u.nA), "delay": sl.init.Uniform(0.1 * u.ms, 2.0 * u.ms)}
    return {
        (0, 0): FixedTotalNumber(40, **drawn, seed=1),
        (0, 1): FixedOutDegree(3, -500.0 * u.pA, delay=0.3 * u.ms, seed=2),
        (1, 0): FixedInDegree(2, 7.0 * u.nA, seed=3),
    }


def listed(synapses, n_pre, source=0, target=0):
    """(source, target, weight in nA, delay) of each synapse, sorted."""
    edges = sl.connect.Connection.of(synapses, n_pre, 99).to_coo()
    n = edges.sources.size
    weight = np.broadcast_to(edges.weight.to_decimal(u.nA), n).astype(np.float32)
    delay = np.broadcast_to(0 if edges.delay is None else edges.delay, n)
    return sorted(zip(edges.sources + source, edges.targets + target, weight.tolist(), delay.tolist(), strict=True))


@pytest.mark.parametrize("chunk", [1 << 24, 10])
def test_every_block_holds_the_synapses_of_its_rule(chunk, monkeypatch):
    monkeypatch.setattr(blocks_module, "_CHUNK", chunk)
    sl.environ.set(dt=0.1 * u.ms)
    found = listed(Blocks(SIZES, SIZES, rules()).synapses(12, 12), 12)
    starts = (0, SIZES[0])
    expected = []
    for (i, j), rule in rules().items():
        expected += listed(rule.synapses(SIZES[i], SIZES[j]), SIZES[i], starts[i], starts[j])
    assert len(found) == 40 + 21 + 14
    for a, b in zip(found, sorted(expected), strict=True):
        assert a[:2] == b[:2]
        assert a[3] == b[3]
        assert a[2] == pytest.approx(b[2], rel=1e-6)


def test_rows_ascend_in_delay_then_target():
    sl.environ.set(dt=0.1 * u.ms)
    connection = Blocks(SIZES, SIZES, rules())(12, 12)
    key = np.asarray(connection.delay, int) * 100 + np.asarray(connection.indices)
    for start, end in zip(connection.indptr[:-1], connection.indptr[1:], strict=True):
        assert (np.diff(key[start:end]) >= 0).all()


def test_without_delays_there_are_none():
    connection = Blocks((2, 3), (4,), {(1, 0): FixedOutDegree(2, 1.0, seed=0)})(5, 4)
    assert connection.delay is None
    assert connection.out_degree.tolist() == [0, 0, 2, 2, 2]


def test_some_rules_have_delays_of_more_than_a_byte():
    sl.environ.set(dt=0.1 * u.ms)
    some = {
        (i, 0): FixedOutDegree(3, 1.0, delay=delay, seed=i) for i, delay in enumerate((None, 0.2 * u.ms, 30 * u.ms))
    }
    connection = Blocks((2, 3, 1), (4,), some)(6, 4)
    assert np.asarray(connection.delay).tolist() == [0] * 6 + [2] * 9 + [300] * 3


def test_no_rules_make_no_synapse():
    with pytest.warns(UserWarning, match="no synapse"):
        assert Blocks((2,), (3,), {})(2, 3).num_synapses == 0


def test_wrong_parts_are_refused():
    rule = FixedOutDegree(1, 1.0)
    with pytest.raises(ValueError, match=r"1 parts of the sources.*\(1, 0\)"):
        Blocks((2,), (3,), {(1, 0): rule})
    with pytest.raises(ShapeError, match=r"parts of the targets have 3 neurons, the population 4"):
        Blocks((2,), (3,), {(0, 0): rule})(2, 4)


def test_weights_of_two_dimensions_are_refused():
    with pytest.raises(UnitError, match="in nA in one rule and in mV"):
        Blocks((2,), (3, 3), {(0, 0): FixedOutDegree(1, 1.0 * u.nA), (0, 1): FixedOutDegree(1, 1.0 * u.mV)})(2, 6)
