"""Rules whose rows are made anew, as native code is told them, for tests without JAX."""

import numpy as np

RULES = {"one_to_one": 0, "all_to_all": 1, "fixed_prob": 2, "fixed_out_degree": 3}
UNIFORM, NORMAL, LOG_NORMAL, EXPONENTIAL = range(1, 5)
WEIGHTS = [
    (UNIFORM, 0.5, 1.5, 0.0, 1.0, -np.inf, np.inf),
    (NORMAL, 1.0, 0.7, 0.02, 1.0, 0.0, 2.5),
    (LOG_NORMAL, 0.0, 0.5, 0.0, 1.0, -np.inf, np.inf),
    (EXPONENTIAL, 0.0, 2.0, 0.0, 1.0, -np.inf, np.inf),
]
DELAYS = (NORMAL, 4.0, 2.0, 0.0, 1.0, 1.0, 7.0)
SLOTS = 9


def halves(*numbers, kind=np.float64):
    return np.array(numbers, kind).view(np.int32).tolist()


def drawn(rule, n_pre, *, seed=5, prob=0.1, num=7, multapses=True, own=None, weight=None, delay=None, wide=False):
    """The attributes of a rule."""
    distribution = lambda x: [] if x is None else [x[0], *halves(*x[1:])]  # noqa: E731
    return {
        "n_pre": n_pre, "rule": RULES[rule], "num": num, "multapses": multapses, "wide": wide,
        "own": [] if own is None else halves(*own, kind=np.int64), "seed": halves(seed, kind=np.uint64),
        "prob": halves(prob), "weight": distribution(weight), "delay": distribution(delay),
    }  # fmt: skip


def scratch(n_post, num=7, blocks=3):
    """Room for some blocks, full of what was there before."""
    return [np.full((blocks, n_post + max(n_post, num) + SLOTS), 9, np.uint32)]
