"""All steps of a population in one native call, beside loops of steps: `python -m benches.fused`.

Four ways on one core, in turns in one process: the fused call, its gradient from saved or recomputed states; a loop of
native steps; and the reference in a `lax.scan`, which XLA compiles. Times are CPU time, in ns per neuron and step, the
least of all rounds; `ratio` is the time of a loop by that of the fused call.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from benches.harness import machine, report
from benches.program_worker import DRIVES, _captured
from benches.scenes import DT_MS
from benches.worker import pin

BATCH, N, STEPS = 64, 256, 250
MODELS = ("LIF", "AdExIF")
DIRECTIONS = ("forward", "gradient")
FUSED, RECOMPUTED, LOOP, XLA = "fused", "recomputed", "loop", "xla"
KEPT = "last spike"

Run = Callable[[dict[str, Any], Any], Any]


def operands(model: str) -> tuple[Any, dict[str, Any], Any]:
    """The configuration of the kernel, its operands by name, and the currents of all steps."""
    sl, jax, jnp, u = (import_module(name) for name in ("spikeloop", "jax", "jax.numpy", "brainunit"))
    sl.environ.set(dt=DT_MS * u.ms)
    cls = getattr(sl, model)
    population = sl.nn.init_all_states(cls(N), batch_size=BATCH)
    low, high = DRIVES[model]
    x = jax.random.uniform(jax.random.key(0), (STEPS, BATCH, N), jnp.float32, low, high)
    traced = sl.transform.make_jaxpr(lambda: population(u.Quantity(x[0], unit=cls.current_unit)))()
    values, config = _captured(traced[0], jax.tree.leaves([state.value for state in traced[1]]))
    named = dict(zip((operand.name for operand in config.operands()), values, strict=True))
    del named["input current"]
    return config, named, x


def ways(config: Any, fixed: dict[str, Any]) -> dict[str, Run]:
    """(states, currents of all steps) -> the spikes of all steps."""
    jax, neuron = import_module("jax"), import_module("spikeloop.kernels._neuron")
    steps_p = import_module("spikeloop.kernels._neuron_steps").steps_p
    names = [operand.name for operand in config.operands()]
    states = [operand.name for operand in config.operands() if operand.group == "state"]

    def fused(memory: str) -> Run:
        structure = {"config": config, "timed": ("input current",), "stacked": (KEPT,), "saved": (), "steps": STEPS}
        structure |= {"reverse": False, "memory": memory}
        return lambda now, x: steps_p.run({**fixed, **now, "input current": x}, structure)[-1]

    def loop(step: Callable[..., Any]) -> Run:
        def turn(now: dict[str, Any], x: Any) -> tuple[dict[str, Any], Any]:
            given = {**fixed, **now, "input current": x}
            new = dict(zip(states, step(*(given[name] for name in names), config=config), strict=True))
            return new, new[KEPT]

        return lambda now, x: jax.lax.scan(turn, now, x)[1]

    return {
        FUSED: fused("save"),
        RECOMPUTED: fused("recompute"),
        LOOP: loop(neuron.step_p.bind),
        XLA: loop(neuron.reference),
    }


def timed(model: str, direction: str, rounds: int) -> dict[str, float]:
    """The least time of each way, in ns."""
    jax = import_module("jax")
    config, named, x = operands(model)
    states = {operand.name: named.pop(operand.name) for operand in config.operands() if operand.group == "state"}

    def loss(run: Run) -> Run:
        return jax.grad(lambda now, x: run(now, x).mean(), 1)

    compiled = {
        way: jax.jit(run if direction == "forward" else loss(run))
        for way, run in ways(config, named).items()
        if direction == "gradient" or way != RECOMPUTED
    }
    results = {way: run(states, x) for way, run in compiled.items()}
    for way in results.keys() - {XLA}:
        import_module("numpy").testing.assert_allclose(results[way], results[LOOP], rtol=1e-5)
    least = dict.fromkeys(compiled, float("inf"))
    for _ in range(rounds):
        for way, run in compiled.items():
            start = time.process_time()
            jax.block_until_ready(run(states, x))
            least[way] = min(least[way], time.process_time() - start)
    return {way: seconds / (BATCH * N * STEPS) * 1e9 for way, seconds in least.items()}


def rows(model: str, direction: str, ns: dict[str, float], rounds: int) -> Iterator[dict[str, object]]:
    for way, least in ns.items():
        yield {
            **report.stamp(), "batch": BATCH, "n": N, "steps": STEPS, "model": model, "direction": direction,
            "way": way, "rounds": rounds, "cpu_ns": f"{least:.4g}", "ratio": f"{least / ns[FUSED]:.3g}",
        }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benches.fused", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--check", action="store_true", help="as a test: one round, no record")
    parser.add_argument("--out", type=Path, help="folder of the records (default: benches/results)")
    args = parser.parse_args()
    core = machine.cores(1)
    pin(core)
    print(f"{machine.cpu_model()}, core {core}, commit {machine.commit()}; {BATCH} × {N} neurons, {STEPS} steps")
    records: list[dict[str, object]] = []
    for model in MODELS:
        for direction in DIRECTIONS:
            ns = timed(model, direction, 1 if args.check else args.rounds)
            shown = ", ".join(f"{way} {x:.2f} ns ({x / ns[FUSED]:.2f})" for way, x in ns.items())
            print(f"{model:<8}{direction:<10}{shown}", flush=True)
            records += rows(model, direction, ns, args.rounds)
    if args.out or not args.check:
        print(f"recorded in {report.save(args.out or report.RESULTS, records, '-fused')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
