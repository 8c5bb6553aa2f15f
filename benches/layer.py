"""What the Python layer costs: import, dispatch, tracing twice. `python -m benches.layer`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

from benches.harness import cost, machine, report
from benches.harness.cost import Cost
from benches.scenes import DT_MS, SCENES
from benches.worker import pin


def cpu_of_import(modules: str) -> float:
    """CPU seconds of a fresh interpreter that imports them; children and waiting do not count."""
    code = f"import time; import {modules}; print(time.process_time())"
    return float(subprocess.check_output([sys.executable, "-c", code], text=True))


def import_cost(rounds: int) -> Iterator[Cost]:
    bare, ours = "jax, brainunit", "spikeloop, jax, brainunit"
    for modules in (bare, ours):
        cpu_of_import(modules)  # writes the byte code
    pairs = [(cpu_of_import(bare), cpu_of_import(ours)) for _ in range(rounds)]
    yield Cost("import", median(o for _, o in pairs), "s CPU")
    more = median(o - b for b, o in pairs)
    yield Cost("import, added", more, "s CPU", "import jax, brainunit", limit=0.25)


def per_call(call: Callable[[], Any], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls - 1):
        call()
    import_module("jax").block_until_ready(call())
    return (time.perf_counter() - start) / calls * 1e6


def dispatched(states: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """The same update of arrays: held in States under our jit, and as a list under raw `jax.jit`."""
    sl, jax, jnp = import_module("spikeloop"), import_module("jax"), import_module("jax.numpy")
    held = [sl.State(jnp.full(8, float(i))) for i in range(states)]
    arrays = [jnp.full(8, float(i)) for i in range(states)]

    @sl.transform.jit
    def ours():
        for state in held:
            state.value = state.value + 1.0

    @jax.jit
    def update(xs):
        return [x + 1.0 for x in xs]

    def raw():
        nonlocal arrays
        arrays = update(arrays)
        return arrays

    def call_ours():
        ours()
        return held[-1].value

    return call_ours, raw


def dispatch_cost(rounds: int, calls: int) -> Iterator[Cost]:
    for states in (1, 10, 100):
        ours, raw = dispatched(states)
        for call in (ours, raw):
            per_call(call, 20)
        pairs = [(per_call(ours, calls), per_call(raw, calls)) for _ in range(rounds)]
        yield Cost(f"dispatch, {states} States", median(o for o, _ in pairs), "µs")
        yield Cost(f"dispatch, {states} States, raw", median(r for _, r in pairs), "µs")
        ratio = median(o / r for o, r in pairs)
        yield Cost(f"dispatch, {states} States, ratio", ratio, "times", "jax.jit, same arrays", limit=1.5)


class CompileClock:
    """Sums what JAX reports about lowering and compiling."""

    def __init__(self):
        self.lowering = self.compiling = 0.0
        self.compiled = 0
        import_module("jax").monitoring.register_event_duration_secs_listener(self._hear)

    def _hear(self, event: str, seconds: float, **_: Any) -> None:
        if event.endswith("jaxpr_to_mlir_module_duration"):
            self.lowering += seconds
        elif event.endswith("backend_compile_duration"):
            self.compiling += seconds
            self.compiled += 1

    def reset(self) -> None:
        self.lowering, self.compiling, self.compiled = 0.0, 0.0, 0


def population(n: int = 100) -> Any:
    """LIF neurons."""
    sl, u = import_module("spikeloop"), import_module("brainunit")
    sl.environ.set(dt=DT_MS * u.ms)
    return sl.LIF(n, tau=20.0 * u.ms, V_th=-50.0 * u.mV, V_reset=-60.0 * u.mV, V_rest=-60.0 * u.mV)


def retrace_cost(clock: CompileClock) -> Iterator[Cost]:
    """Un-jitted loops: the second call, also through a new lambda of the same code, compiles nothing."""
    sl, jax, jnp = import_module("spikeloop"), import_module("jax"), import_module("jax.numpy")
    u = import_module("brainunit")
    net, traces = sl.nn.init_all_states(population()), []

    def step(x):
        traces.append(x)  # only a trace comes by here
        return net(x * u.mA)

    loops = {
        "same function": lambda xs: sl.transform.for_loop(step, xs),
        "new lambda": lambda xs: sl.transform.for_loop(lambda x: step(x), xs),
    }
    for name, loop in loops.items():
        for call in ("first", "second"):
            xs = jnp.full(100, 15.0) + 0.0
            traces.clear()
            clock.reset()
            start = time.perf_counter()
            jax.block_until_ready(loop(xs))
            seconds, again = time.perf_counter() - start, call == "second"
            yield Cost(f"for_loop, {name}, {call} call", seconds * 1e3, "ms", limit=10 if again else None)
            yield Cost(f"for_loop, {name}, {call} call, traces", len(traces), "", limit=1 if again else None)
            yield Cost(f"for_loop, {name}, {call} call, compiles", clock.compiled, "", limit=0 if again else None)


def first_call(name: str, simulate: Callable[[], Any], clock: CompileClock, limit: float) -> Iterator[Cost]:
    """The first call of a run of 10 ms, whose simulation takes next to no time, by phase."""
    clock.reset()
    start = time.perf_counter()
    import_module("jax").block_until_ready(simulate())
    seconds = time.perf_counter() - start
    yield Cost(f"{name}, first call", seconds, "s", "tracing and compiling", limit=limit)
    yield Cost(f"{name}, lowering", clock.lowering, "s")
    yield Cost(f"{name}, XLA compile", clock.compiling, "s")
    yield Cost(f"{name}, tracing and the rest", seconds - clock.lowering - clock.compiling, "s")


def many_cost(clock: CompileClock) -> Iterator[Cost]:
    """50 populations and 200 projections."""
    sl, u, jnp = import_module("spikeloop"), import_module("brainunit"), import_module("jax.numpy")
    start = time.perf_counter()
    net = network_of(50, 200)
    sl.nn.init_all_states(net)
    yield Cost("50 populations, build", time.perf_counter() - start, "s")

    @sl.transform.jit
    def simulate():
        times = u.Quantity(jnp.arange(100) * DT_MS, unit=u.ms)
        return sl.transform.for_loop(net, times)

    yield from first_call("50 populations", simulate, clock, 5.0)


def network_of(populations: int, projections: int, n: int = 100) -> Any:
    """Populations of `n` neurons and as many projections between them, excitatory and inhibitory in turn."""
    sl, u = import_module("spikeloop"), import_module("brainunit")
    kinds = {True: (0.6, 5.0, 0.0), False: (6.7, 10.0, -80.0)}

    class Net(sl.nn.Module):
        def __init__(self):
            super().__init__()
            self.populations = [population(n) for _ in range(populations)]
            self.projections = [self.projection(k) for k in range(projections)]

        def projection(self, k: int) -> Any:
            weight, tau, E = kinds[k % 2 == 0]
            return sl.AlignPostProj(
                comm=sl.connect.FixedOutDegree(10, weight * u.siemens, seed=k), pre=n,
                syn=sl.Expon.desc(n, tau=tau * u.ms, g_initializer=0.0 * u.siemens),
                out=sl.COBA.desc(E=E * u.mV), post=self.populations[7 * k % populations],
            )  # fmt: skip

        def update(self, t: Any) -> Any:
            with sl.environ.context(t=t):
                spikes = [neurons.get_spike() for neurons in self.populations]
                for k, projection in enumerate(self.projections):
                    projection(spikes[k % populations])
                return sum(neurons(20.0 * u.mA).sum() for neurons in self.populations)

    return Net()


def coba_cost(clock: CompileClock) -> Iterator[Cost]:
    """The first call of a jitted COBA run, by phase, and what the second one compiles."""
    sl, jax, u = import_module("spikeloop"), import_module("jax"), import_module("brainunit")
    start = time.perf_counter()
    net = SCENES["coba"].network(sl, 4_000, True)
    sl.nn.init_all_states(net)
    yield Cost("COBA, build", time.perf_counter() - start, "s")

    @sl.transform.jit
    def simulate():
        sl.nn.reset_all_states(net)
        sl.transform.for_loop(net.update, u.math.arange(100) * (DT_MS * u.ms))
        return net.n_spk.value.sum()

    yield from first_call("COBA", simulate, clock, 0.5)
    clock.reset()
    jax.block_until_ready(simulate())
    yield Cost("COBA, second call, compiles", clock.compiled, "", limit=0)


def costs(check: bool) -> Iterator[Cost]:
    yield from import_cost(2 if check else 7)
    yield from dispatch_cost(*((3, 50) if check else (9, 1_000)))
    clock = CompileClock()
    yield from retrace_cost(clock)
    yield from coba_cost(clock)
    yield from many_cost(clock)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benches.layer", description=__doc__)
    parser.add_argument("--check", action="store_true", help="as a test: few calls; times do not fail it")
    parser.add_argument("--strict", action="store_true", help="fail if a cost is above its limit")
    parser.add_argument("--out", type=Path, help="folder of the records (default: benches/results)")
    args = parser.parse_args()
    pin(machine.cores(1))
    stamp = report.stamp()
    found = list(cost.shown(costs(args.check)))
    if args.out or not args.check:
        cost.save(found, stamp, args.out, "-layer")
    # Counts of traces and compiles do not depend on who else uses the machine.
    missed = [c for c in found if not c.holds and (args.strict or not c.unit)]
    print(f"{len(found) - len(missed)} passed, {len(missed)} failed")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
