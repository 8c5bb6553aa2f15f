import io
import re

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.transform import ProgressBar, checkpointed_for_loop, checkpointed_scan, for_loop, jit, scan


def _total(text):
    """The last 'done/total' that the bar showed."""
    return re.findall(r"(\d+)/(\d+)", text)[-1]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("pbar", "length"),
    [(True, 1), (True, 103), (3, 10), (10, 10), (100, 10), (ProgressBar(), 103), (ProgressBar(count=3), 10)],
)
def test_a_bar_changes_no_result_and_reaches_its_end(pbar, reverse, length, capfd):
    total = sl.State(jnp.float32(0.0))

    def step(x):
        total.value = total.value * 0.5 + x
        return total.value

    xs = jnp.arange(float(length))
    plain, end = for_loop(step, xs, reverse=reverse), total.value
    total.value = jnp.float32(0.0)
    np.testing.assert_allclose(for_loop(step, xs, reverse=reverse, pbar=pbar), plain, rtol=1e-6)
    np.testing.assert_allclose(total.value, end, rtol=1e-6)
    jax.effects_barrier()
    assert _total(capfd.readouterr().err) == (str(length), str(length))


@pytest.mark.parametrize("pbar", [None, False])
def test_no_bar(pbar, capfd):
    for_loop(lambda x: x, jnp.ones(3), pbar=pbar)
    jax.effects_barrier()
    assert capfd.readouterr().err == ""


def test_zero_length_with_a_bar(capfd):
    assert for_loop(lambda x: x, jnp.ones(0), pbar=True).shape == (0,)
    jax.effects_barrier()


def test_unroll_with_a_bar(capfd):
    np.testing.assert_array_equal(for_loop(lambda x: x, jnp.arange(11.0), pbar=4, unroll=3), np.arange(11.0))
    jax.effects_barrier()


def test_scan_and_checkpointed_loops_show_bars(capfd):
    scan(lambda c, x: (c + x, c), 0.0, jnp.ones(10), pbar=ProgressBar(freq=5, desc="scanning"))
    jax.effects_barrier()
    text = capfd.readouterr().err
    assert "scanning" in text
    assert _total(text) == ("10", "10")
    checkpointed_for_loop(lambda x: x, jnp.ones(10), pbar=True)
    jax.effects_barrier()
    assert _total(capfd.readouterr().err) == ("10", "10")


def test_a_bar_inside_jit_opens_anew_in_every_call(capfd):
    f = jit(lambda xs: for_loop(lambda x: x, xs, pbar=5))
    for _ in range(2):
        f(jnp.ones(10))
        jax.effects_barrier()
        assert _total(capfd.readouterr().err) == ("10", "10")


def test_a_bar_in_a_differentiated_loop(capfd):
    w = sl.ParamState(jnp.float32(2.0))
    grads = sl.transform.grad(lambda: for_loop(lambda x: x * w.value, jnp.arange(10.0), pbar=3).sum(), w)()
    assert grads == 45.0
    jax.effects_barrier()
    assert _total(capfd.readouterr().err) == ("10", "10")


def test_options_reach_tqdm():
    file = io.StringIO()
    for_loop(lambda x: x, jnp.ones(4), pbar=ProgressBar(desc="to a file", file=file, ascii=True))
    jax.effects_barrier()
    assert "to a file" in file.getvalue()


@pytest.mark.parametrize(("option", "nearest"), [("desk", "desc"), ("ncol", "ncols"), ("asci", "ascii")])
def test_a_misspelt_option_names_the_nearest(option, nearest):
    with pytest.raises(TypeError, match=f"ProgressBar takes no keyword '{option}'; did you mean '{nearest}'"):
        ProgressBar(**{option: 1})


def test_the_loop_gives_the_number_of_steps():
    with pytest.raises(TypeError, match="ProgressBar takes no keyword 'total'"):
        ProgressBar(total=10)


def test_options_need_not_be_hashable(capfd):
    for_loop(lambda x: x, jnp.ones(4), pbar=ProgressBar(postfix={"a": 1}))
    jax.effects_barrier()
    assert "a=1" in capfd.readouterr().err


@pytest.mark.parametrize("pbar", ["yes", 2.5, object()])
def test_what_is_no_bar(pbar):
    with pytest.raises(TypeError, match="pbar must be a ProgressBar, a number of steps, True or None"):
        for_loop(lambda x: x, jnp.ones(3), pbar=pbar)


@pytest.mark.parametrize("options", [{"freq": 0}, {"freq": -1}, {"count": 1.5}, {"freq": True}])
def test_numbers_are_checked(options):
    with pytest.raises(ValueError, match="must be a positive number of steps; given"):
        ProgressBar(**options)


def test_freq_and_count_exclude_each_other():
    with pytest.raises(ValueError, match="give freq or count, not both"):
        ProgressBar(freq=1, count=1)
    with pytest.raises(ValueError, match="ProgressBar: freq must be a positive number of steps; given 0"):
        for_loop(lambda x: x, jnp.ones(3), pbar=0)


class TestTextOfTheLastStep:
    @staticmethod
    def _shown(capfd):
        jax.effects_barrier()
        return re.findall(r"@(.*?)@", capfd.readouterr().err)[-1]

    @pytest.mark.parametrize(("reverse", "y"), [(False, 9.0), (True, 0.0)])
    @pytest.mark.parametrize("freq", [1, 4, 10])
    def test_step_result_and_states(self, capfd, reverse, y, freq):
        total = sl.State(jnp.float32(0.0))

        def step(x):
            total.value = total.value + x
            return {"x": x, "all": jnp.full(2, x)}

        desc = "@{i} {y:.1f} {total:.1f} {all}@", lambda d: {"i": d["i"], "y": d["y"]["x"], "total": total.value,
                                                              "all": d["y"]["all"]}  # fmt: skip
        for_loop(step, jnp.arange(10.0), reverse=reverse, pbar=ProgressBar(freq=freq, desc=desc))
        assert self._shown(capfd) == f"9 {y:.1f} 45.0 [{y:.0f}. {y:.0f}.]"

    def test_carry(self, capfd):
        bar = ProgressBar(freq=3, desc=("@{i} {sum:.0f}@", lambda d: {"i": d["i"] + 1, "sum": d["carry"]["sum"]}))
        for loop in (scan, checkpointed_scan):
            loop(lambda c, x: ({"sum": c["sum"] + x}, None), {"sum": 0.0}, jnp.arange(7.0), pbar=bar)
            assert self._shown(capfd) == "7 21"

    def test_the_function_may_only_read(self):
        s = sl.State(0.0)
        with pytest.raises(ValueError, match=r"The function in `desc` of a ProgressBar writes State .*, but may only"):
            for_loop(lambda x: x, jnp.ones(2), pbar=ProgressBar(desc=("", lambda d: (s.replace(d["y"]), {})[1])))

    def test_the_function_returns_a_dict(self):
        with pytest.raises(TypeError, match="The function in `desc` of a ProgressBar must return a dict"):
            for_loop(lambda x: x, jnp.ones(2), pbar=ProgressBar(desc=("{}", lambda d: d["y"])))

    @pytest.mark.parametrize("desc", [1, ("template",), ("template", "no function"), (1, print)])
    def test_what_is_no_text(self, desc):
        with pytest.raises(TypeError, match=r"ProgressBar: desc must be a text or \(template, function\); given"):
            ProgressBar(desc=desc)

    def test_a_run_in_chunks_shows_a_plain_text(self):
        bar = ProgressBar(desc=("{i}", lambda d: {"i": d["i"]}))
        with (
            sl.environ.context(dt=0.1 * u.ms),
            pytest.raises(TypeError, match="give `desc` of its progress bar"),
        ):
            sl.record.run(lambda: None, 1.0 * u.ms, pbar=bar)
