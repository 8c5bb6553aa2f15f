"""The command `spikeloop`: show the installation, run the standard networks, begin a model, launch processes."""

from __future__ import annotations

import argparse
import inspect
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import _new_model, networks

_NETWORKS = {
    cls.__name__.removesuffix("Network").lower(): cls
    for cls in vars(networks).values()
    if isinstance(cls, type) and cls not in (networks.StandardNetwork, networks.Balanced)
}
_OPTIONS = ("size", "scale", "drive")  # arguments of networks, which not all of them take
_DRAWN = 4000  # neurons in a raster


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.command is _run:
        args.options = _network_options(parser, args)
    return args.command(args)


def _network_options(parser: argparse.ArgumentParser, args: argparse.Namespace) -> dict[str, Any]:
    """The given arguments of the network; ends the program if it does not take one of them."""
    given = {name: getattr(args, name) for name in _OPTIONS if getattr(args, name) is not None}
    taken = inspect.signature(_NETWORKS[args.network]).parameters
    for name in given:
        if name not in taken:
            option = "neurons" if name == "size" else name
            others = ", ".join(n for n, cls in _NETWORKS.items() if name in inspect.signature(cls).parameters)
            parser.error(f"{args.network} does not take --{option}; it is for {others}")
    return given


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spikeloop", description="Spiking neural networks on JAX with native kernels."
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    info = commands.add_parser("info", help="versions, device, native kernels, threads")
    info.set_defaults(command=_info)
    run = commands.add_parser("run", help="simulate a standard network")
    run.add_argument("network", choices=sorted(_NETWORKS))
    _add_options(run, raster=None)
    demo = commands.add_parser("demo", help="simulate the COBA network and draw its spikes")
    _add_options(demo, raster="raster.png")
    demo.set_defaults(network="coba")
    model = commands.add_parser("new-model", help="write the files of a neuron model of your own")
    model.add_argument("name", help="name of the class, such as MyNeuron")
    model.add_argument("--text", action="store_true", help="equations in text, in place of a class in Python")
    model.add_argument("--directory", type=Path, default=Path(), metavar="DIR", help="where to (default: here)")
    model.set_defaults(command=_write_model)
    launch = commands.add_parser("launch", help="run a script in several processes, for sl.parallel")
    launch.add_argument("-n", dest="number", type=_positive(int), required=True, metavar="N", help="processes")
    launch.add_argument("script", help="a Python script that calls sl.parallel.initialize()")
    launch.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments of the script")
    launch.set_defaults(command=_launch)
    return parser


def _launch(args: argparse.Namespace) -> int:
    from .parallel._launch import launch

    return launch(args.number, [args.script, *args.arguments])


def _write_model(args: argparse.Namespace) -> int:
    try:
        model, test, page = _new_model.write(args.name, args.directory, text=args.text)
    except (ValueError, FileExistsError) as error:
        raise SystemExit(f"spikeloop new-model: {error}") from None
    print(f"model   {model}\ntest    {test}      (run it: pytest {test})\npage    {page}")
    return 0


def _add_options(parser: argparse.ArgumentParser, raster: str | None) -> None:
    parser.add_argument(
        "--neurons", dest="size", type=_positive(int), metavar="N", help="size (default: that of the network)"
    )
    parser.add_argument("--scale", type=_fraction, metavar="X", help="size of pd14, above 0 to 1 (default 1)")
    parser.add_argument("--drive", choices=("poisson", "dc"), help="external input of pd14 (default poisson)")
    parser.add_argument(
        "--seconds", type=_positive(float), default=1.0, metavar="S", help="biological time (default 1)"
    )
    parser.add_argument("--dt", type=_positive(float), default=0.1, metavar="MS", help="time step in ms (default 0.1)")
    parser.add_argument("--threads", type=_positive(int), default=1, metavar="T", help="threads (default 1)")
    parser.add_argument("--device", choices=("cpu", "gpu"), help="what computes (default: a GPU if JAX finds one)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--raster", default=raster, metavar="FILE", help="draw the spikes into FILE")
    parser.set_defaults(command=_run)


def _positive(kind: type) -> Any:
    def parse(text: str) -> Any:
        value = kind(text)
        if value <= 0:
            raise argparse.ArgumentTypeError(f"must be positive, given {text}")
        return value

    parse.__name__ = kind.__name__
    return parse


def _fraction(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"must be above 0, and at most 1; given {text}")
    return value


def _info(_: argparse.Namespace) -> int:
    import spikeloop as sl

    print(sl.info())
    return 0


def _run(args: argparse.Namespace) -> int:
    import brainunit as u
    import jax

    import spikeloop as sl

    sl.set_num_threads(args.threads)
    sl.random.seed(args.seed)
    with jax.default_device(_device(args.device)), sl.environ.context(dt=args.dt * u.ms):
        began = time.perf_counter()
        net = _NETWORKS[args.network](**args.options, seed=args.seed)
        sl.nn.init_all_states(net)
        built = time.perf_counter() - began
        steps = round(args.seconds * 1000 / args.dt)
        spikes = sl.record.Spikes(net.N, neurons=slice(0, min(net.size, _DRAWN))) if args.raster else None
        run = _loop(net, args, steps, spikes)
        began = time.perf_counter()
        run.compile()
        compiling = time.perf_counter() - began
        began = time.perf_counter()
        rows, _ = jax.block_until_ready(run())
        wall = time.perf_counter() - began
        _report(args, net, steps, built, compiling, wall)
        if spikes is not None:
            _draw(args, net, spikes.read(rows))
    return 0


def _device(kind: str | None) -> Any:
    """The first device of a kind; ends the program if JAX finds none."""
    import jax

    if kind is None:
        return None
    try:
        return jax.devices(kind)[0]
    except RuntimeError as error:
        raise SystemExit(
            f"JAX finds no {kind.upper()}: {error}\nFor NVIDIA GPUs: pip install 'spikeloop[cuda]'"
        ) from None


def _loop(net: Any, args: argparse.Namespace, steps: int, recorder: Any) -> Any:
    """The compiled run, which returns the rows of the recorder, if there is one, and the count of spikes."""
    import brainunit as u
    import jax.numpy as jnp

    import spikeloop as sl

    def step(t: Any) -> Any:
        net.update(t)
        return None if recorder is None else recorder()

    @sl.transform.jit
    def run() -> Any:
        times = u.Quantity(jnp.arange(steps) * args.dt, unit=u.ms)
        rows = sl.transform.for_loop(step, times, pbar=sl.transform.ProgressBar(desc=type(net).__name__))
        return rows, net.count.value

    return run


def _report(args: argparse.Namespace, net: Any, steps: int, built: float, compiling: float, wall: float) -> None:
    import brainunit as u

    rate = net.mean_rate(args.seconds * u.second).to_decimal(u.Hz)
    sys.stderr.flush()
    print(f"{type(net).__name__}, {net.size} neurons, {args.seconds:g} s of biological time, dt {args.dt:g} ms")
    print(f"mean rate          {rate:8.2f} Hz")
    for name, value in net.rates(args.seconds * u.second).items():
        print(f"  {name:<16} {value.to_decimal(u.Hz):8.2f} Hz")
    print(f"build              {built:8.3f} s")
    print(f"trace and compile  {compiling:8.3f} s")
    print(f"wall time          {wall:8.3f} s")
    print(f"real-time factor   {wall / args.seconds:8.4f}   (wall time / biological time)")
    print(f"per step           {wall / steps * 1e6:8.2f} µs")


def _draw(args: argparse.Namespace, net: Any, spikes: Any) -> None:
    import matplotlib

    import spikeloop as sl

    matplotlib.use("Agg")
    shown = spikes.size
    groups = {
        name: slice(part.start, min(part.stop, shown)) for name, part in net.populations.items() if part.start < shown
    }
    ax, _ = sl.plot.raster(spikes, groups=groups)
    ax.set_title(f"{type(net).__name__}, {net.size} neurons")
    ax.figure.savefig(args.raster, dpi=150)
    print(f"raster             {args.raster}")


if __name__ == "__main__":
    sys.exit(main())
