"""Synapses that are made anew: those of the CPU.

Sums are exact: of whole numbers, of weights of 32 bits in float64, or where one source alone has a value.
"""

import numpy as np
import pytest
from call_frame import HandlerError, assert_same, driver, on_gpu
from procedural_case import DELAYS, SLOTS, WEIGHTS, drawn, scratch

CASES = [
    ("one_to_one", {}), ("all_to_all", {}), ("all_to_all", {"own": (-5, 1)}), ("fixed_prob", {"own": (0, 1)}),
    ("fixed_prob", {"prob": 0.9}), ("fixed_prob", {"prob": 0.0}), ("fixed_prob", {"prob": 1.0, "own": (9, -1)}),
    ("fixed_prob", {"prob": 1e-300}), ("fixed_out_degree", {}), ("fixed_out_degree", {"num": 0}),
    ("fixed_out_degree", {"num": 30, "multapses": False, "own": (0, 1)}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "given"), CASES)
@pytest.mark.parametrize(("n", "float_type"), [(31, np.float32), (33, np.float64), (270, np.float32)])
def test_targets(rule, given, n, float_type, seed):
    rng = np.random.default_rng(seed)
    attributes = drawn(rule, n, seed=2**63 + 5 + seed, **given)
    for batch in (1,) if n > 256 else (1, 5):
        values, target, ct = (rng.integers(0, 4, (batch, n)).astype(float_type) for _ in range(3))
        operands = {"values": values * (values > 1), "target": target}
        (out,) = assert_same("procedural_scatter", operands, ["target"], attributes, scratch(n, 30))
        none = given.get("num") == 0 or given.get("prob") in (0.0, 1e-300)
        assert (out != target).any() != none
        assert_same("procedural_gather", {"ct": ct}, [np.zeros_like(ct)], attributes, scratch(n, 30))


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_neurons(n):
    for rule, given in CASES[:-1]:
        attributes = drawn(rule, n, **{**given, "num": min(n, 1)})
        operands = {"values": np.ones((1, n), np.float32), "target": np.zeros((1, n), np.float32)}
        assert_same("procedural_scatter", operands, ["target"], attributes, scratch(n))
        assert_same(
            "procedural_gather", {"ct": operands["values"]}, [np.zeros((1, n), np.float32)], attributes, scratch(n)
        )


@pytest.mark.parametrize(("rule", "given"), [CASES[0], CASES[2], CASES[3], CASES[8], CASES[10]])
@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("delay", [None, DELAYS])
def test_weights_and_delays(rule, given, weight, delay, seed):
    n, lanes, each = 270 if rule == "all_to_all" else 67, 2, 2
    rng = np.random.default_rng(seed)
    for float_type, wide in ((np.float32, False), (np.float64, True), (np.float64, False)):
        exact = float_type is np.float64 and not wide
        attributes = drawn(rule, n, **given, seed=seed, weight=weight, delay=delay, wide=wide)
        if rule == "fixed_out_degree" and not exact:
            attributes["multapses"] = False
        batch, ring = (lanes * each, (lanes, SLOTS, each, n)) if delay else (each, (each, n))
        values = (rng.random((batch, n)) < 0.3) if exact else np.eye(n)[rng.integers(0, n, batch)]
        operands = {"values": values.astype(float_type), "target": np.zeros(ring, float_type)}
        if delay is not None:
            operands = {
                "values": operands["values"],
                "cursor": np.array([3, 8], np.int32),
                "target": operands["target"],
            }
            attributes |= {"slots": SLOTS, "lanes": lanes}
        (out,) = assert_same("procedural_scatter", operands, ["target"], attributes, scratch(n, 30))
        assert out.any()
        ct = (out > 1) if exact else (np.arange(out.size) == 5).reshape(out.shape)
        operands = {"ct": ct.astype(float_type), **{k: x for k, x in operands.items() if k == "cursor"}}
        assert_same("procedural_gather", operands, [np.zeros((batch, n), float_type)], attributes, scratch(n, 30))


@pytest.mark.parametrize("multapses", [False, True])
@pytest.mark.parametrize(("n_post", "num"), [(700, 690), (1_000_000, 20_000)])
@pytest.mark.parametrize("delay", [None, DELAYS])
def test_draws_that_are_repeated_or_rejected(n_post, num, multapses, delay):
    """Of 2³² words about 10⁶ are rejected where there are so many targets: some of 20,000 draws."""
    attributes = drawn("fixed_out_degree", 2, num=num, multapses=multapses, weight=WEIGHTS[0], delay=delay)
    operands = {"values": np.eye(2)[:1], "target": np.zeros((SLOTS if delay else 1, n_post))}
    if delay is not None:
        operands = {"values": operands["values"], "cursor": np.int32(1), "target": operands["target"]}
        attributes |= {"slots": SLOTS, "lanes": 1}
    (out,) = assert_same("procedural_scatter", operands, ["target"], attributes, scratch(n_post, num, blocks=1))
    assert (np.count_nonzero(out) == num) != multapses


def test_commands_do_not_depend_on_what_buffers_hold():
    journals = []
    for rate in (0, 1):
        driver().fake_forget()
        operands = {"values": np.full((1, 600), rate, np.float32), "target": np.zeros((1, 600), np.float32)}
        on_gpu("procedural_scatter", operands, ["target"], drawn("fixed_prob", 600), scratch(600))
        journals.append([line.split(" params")[0] for line in driver().fake_journal().decode().splitlines()])
    assert journals[0] == journals[1] != []


def test_what_does_not_fit_is_refused():
    operands = {"values": np.ones((1, 5), np.float32), "target": np.zeros((1, 5), np.float32)}
    both = drawn("all_to_all", 5, weight=WEIGHTS[0], delay=DELAYS)
    for given, attributes, memory, message in [
        (operands, drawn("all_to_all", 4), scratch(5), "'values' has 5 elements, expected 4"),
        (operands, drawn("one_to_one", 4), scratch(5), "populations of one size"),
        (operands, drawn("fixed_out_degree", 5, multapses=False), scratch(5), "7 distinct targets"),
        (operands, drawn("fixed_prob", 5), [np.zeros((3, 4), np.uint32)], "expected rows of 5"),
        (operands, both, scratch(5), "'ring' has 1 elements"),
    ]:
        with pytest.raises(HandlerError, match=message):
            on_gpu("procedural_scatter", given, ["target"], attributes, memory)
