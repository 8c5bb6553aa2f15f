"""Step programs in one process: a JSON request a line on stdin, one JSON line back on stdout.

`python -m benches.program_worker CORE`; how programs run is up to the environment (docs/native.md). Requests:
{"do": "level"}
{"do": "prepare", "model": "LIF", "dtype": "float32", "direction": "forward"}
{"do": "run"}
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from benches.scenes import DT_MS
from benches.scenes.neuron_update import MODELS, RANDOM_START
from benches.worker import pin

N = 4_096
STEPS = 500  # in a run
WARM_UP = 2_000  # steps before the operands are taken
DRIVES = {"LIF": (1.5, 3.0), "LIFRef": (1.5, 3.0), **{model: drive for model, (drive, _) in MODELS.items()}}
RELEASES = ("STP", "STD")  # their input is a spike of every fiftieth neuron
BENCHED = (*DRIVES, *RELEASES)


def inputs(cls: Any, model: str) -> Any:
    """What goes into a step."""
    u, jnp = import_module("brainunit"), import_module("jax.numpy")
    if model in RELEASES:
        return (jnp.arange(N) % 50 == 0).astype(jnp.float32)
    drive = jnp.linspace(*DRIVES[model], N, dtype=jnp.float32)
    return drive if cls.current_unit.is_unitless else u.Quantity(drive, unit=cls.current_unit)


def operands(model: str) -> tuple[list[Any], Any]:
    """The operands of the kernel after some steps, and its configuration."""
    sl, jax, u = import_module("spikeloop"), import_module("jax"), import_module("brainunit")
    sl.environ.set(dt=DT_MS * u.ms)
    cls = getattr(sl, model)
    population = cls(N, V_initializer=-65.0 * u.mV) if model in RANDOM_START else cls(N)
    sl.nn.init_all_states(population)
    given = inputs(cls, model)
    sl.transform.for_loop(lambda: (population(given), None)[1], length=WARM_UP)
    traced = sl.transform.make_jaxpr(lambda: population(given))()
    closed, states = traced[0], [state.value for state in traced[1]]
    return _captured(closed, jax.tree.leaves(states))


def _captured(closed: Any, args: list[Any]) -> tuple[list[Any], Any]:
    """What the kernel in a traced step is called with."""
    step_p = import_module("spikeloop.kernels._neuron").step_p
    literal = import_module("spikeloop._jax").Literal
    known = dict(zip([*closed.jaxpr.constvars, *closed.jaxpr.invars], [*closed.consts, *args], strict=True))
    read = lambda atom: atom.val if isinstance(atom, literal) else known[atom]  # noqa: E731
    for equation in closed.jaxpr.eqns:
        values = [read(atom) for atom in equation.invars]
        if equation.primitive is step_p.primitive:
            return values, equation.params["config"]
        results = equation.primitive.bind(*values, **equation.params)
        known |= zip(equation.outvars, results if equation.primitive.multiple_results else [results], strict=True)
    raise LookupError("the step calls no kernel")


def forward(args: list[Any], config: Any) -> Callable[..., Any]:
    """A loop of steps."""
    bind = import_module("spikeloop.kernels._neuron").step_p.bind
    at = [k for k, operand in enumerate(config.operands()) if operand.group == "state"]
    return _loop(args, lambda given, _: bind(*given, config=config), at, [])


def backward(args: list[Any], config: Any) -> Callable[..., Any]:
    """A loop of reverse-mode steps with the same states: the cotangents of those go round."""
    jax, jnp = import_module("jax"), import_module("jax.numpy")
    bind = import_module("spikeloop.kernels._neuron").vjp_p.bind
    smooth, names = config.smooth(), [operand.name for operand in config.operands()]
    like = args[names.index(smooth.results[0])]
    cts = [jnp.full_like(like, 0.5) for _ in smooth.results]

    def step(given: list[Any], now: list[Any]) -> list[Any]:
        found = bind(*given, *now[: len(cts)], config=config, active=smooth.operands)
        back = dict(zip(smooth.operands, found, strict=True))
        return [*(back.get(name, ct) for name, ct in zip(smooth.results, now, strict=False)), *found]

    shapes = jax.eval_shape(lambda *x: step(args, [*x]), *cts)
    return _loop(args, step, [], [*cts, *(jnp.zeros(x.shape, x.dtype) for x in shapes[len(cts) :])])


def _loop(args: list[Any], step: Callable[..., Any], replaced: list[int], start: list[Any]) -> Callable[..., Any]:
    """`STEPS` times `step(args, now)`, beginning with those of `args` at the places `replaced`, and `start`.

    Numbers are constants to the compiler, as in a model. Arrays are not, and may differ from step to step: there is a
    barrier, without which XLA would compute before the loop what depends on arrays that stay the same.
    """
    jax = import_module("jax")
    arrays = {k: x for k, x in enumerate(args) if x.ndim and k not in replaced}

    def turn(given: dict[int, Any], now: list[Any]) -> list[Any]:
        given, now = jax.lax.optimization_barrier((given, now))
        given = given | dict(zip(replaced, now, strict=False))
        return step([given.get(k, x) for k, x in enumerate(args)], now)

    loop = jax.jit(lambda given, now: jax.lax.fori_loop(0, STEPS, lambda _, now: turn(given, now), now))
    return lambda: loop(arrays, [*(args[k] for k in replaced), *start])


class Server:
    """Holds what is to be timed."""

    def level(self) -> dict[str, Any]:
        """What runs programs: an instruction set, the interpreter, or XLA."""
        native = import_module("spikeloop.kernels._library").native
        return {"level": native.jit_level() if native else "xla"}

    def prepare(self, model: str, dtype: str, direction: str) -> dict[str, Any]:
        jax, jnp = import_module("jax"), import_module("jax.numpy")
        args, config = operands(model)
        self.double = dtype == "float64"
        with jax.enable_x64(self.double):
            args = [jnp.asarray(x, dtype) for x in args]
            self.loop = {"forward": forward, "vjp": backward}[direction](args, config)
        return self.run()  # compiles

    def run(self) -> dict[str, Any]:
        jax = import_module("jax")
        with jax.enable_x64(self.double):
            start, busy = time.perf_counter(), time.process_time()
            jax.block_until_ready(self.loop())
            wall, cpu = time.perf_counter() - start, time.process_time() - busy
        return {"ns": wall / (STEPS * N) * 1e9, "cpu_ns": cpu / (STEPS * N) * 1e9}


def main() -> None:
    pin(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    server = Server()
    handlers = {"level": server.level, "prepare": server.prepare, "run": server.run}
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(handlers[request.pop("do")](**request)), file=answers)


if __name__ == "__main__":
    main()
