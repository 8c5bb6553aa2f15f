"""The update scenes written down in plain JAX: parameters are constants, the states a scan's carry."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from math import exp
from typing import Any

from benches.peers._session import Run
from benches.scenes import DT_MS, Scene
from benches.scenes._update import DRIVE, G_START, V_START, params

jax = import_module("jax")
jnp = import_module("jax.numpy")

VERSIONS_OF = ("jax", "jaxlib", "numpy")


def step(carry: Any, _: Any, *, drive: Any, conductances: bool, count: bool) -> tuple[Any, None]:
    """Soft reset, exponential Euler with the derivative of f, refractoriness counted in steps left."""
    p = params(conductances)
    assert p.E_e is None or p.E_i is not None
    v, left, g_e, g_i, n_spk = carry
    v = v - jnp.where(v >= p.V_th, p.V_th - p.V_reset, 0.0)
    f, J = p.E_L - v + drive, -1.0
    if p.E_e is not None and p.E_i is not None:
        f, J = f + g_e * (p.E_e - v) + g_i * (p.E_i - v), J - g_e - g_i
        g_e, g_i = g_e * exp(-DT_MS / p.tau_e), g_i * exp(-DT_MS / p.tau_i)
    # dt/tau * exprel(dt/tau * J) = expm1(dt/tau * J) / J, and J <= -1
    v_next = v + jnp.expm1(DT_MS / p.tau * J) / J * f
    left = jnp.maximum(left - 1.0, 0.0)
    v = jnp.where(left > 0.0, v, v_next)
    spike = v >= p.V_th
    left = jnp.where(spike, float(round(p.t_ref / DT_MS)), left)
    return (v, left, g_e, g_i, n_spk + spike if count else n_spk), None


class ScanSession:
    def __init__(self, scene: Scene, n: int, steps: tuple[int, ...]):
        conductances = {"lif_update": False, "coba_update": True}[scene.name]
        self.n, self.longest = n, max(steps)
        self.timed = {s: self._compile(n, s, conductances, count=False) for s in steps}
        self.counted = self._compile(n, self.longest, conductances, count=True)

    @staticmethod
    def _compile(n: int, steps: int, conductances: bool, count: bool) -> Callable[[], Any]:
        def simulate(drive):
            one, none = jnp.ones(n), jnp.zeros(0)
            g = G_START * one if conductances else none
            carry = (V_START * one, 0.0 * one, g, g, 0.0 * one if count else none)
            body = partial(step, drive=drive, conductances=conductances, count=count)
            v, _, _, _, n_spk = jax.lax.scan(body, carry, None, length=steps)[0]
            return n_spk.sum(), v.mean()

        drive = jnp.linspace(*DRIVE, n, dtype=jnp.float32)
        compiled = jax.jit(simulate).lower(drive).compile()
        return lambda: jax.block_until_ready(compiled(drive))

    def check(self) -> Run:
        return self._measure(self.counted, self.longest, True)

    def run(self, steps: int) -> Run:
        return self._measure(self.timed[steps], steps, False)

    def _measure(self, simulate: Callable[[], Any], steps: int, counted: bool) -> Run:
        cpu, wall = time.process_time(), time.perf_counter()
        spikes, v_mean = simulate()
        seconds, cpu = time.perf_counter() - wall, time.process_time() - cpu
        rate = float(spikes) / self.n / (steps * DT_MS * 1e-3) if counted else None
        return Run(steps, seconds, cpu, rate, float(v_mean))


def prepare(scene: Scene, n: int, steps: tuple[int, ...], threads: int) -> ScanSession:
    return ScanSession(scene, n, steps)
