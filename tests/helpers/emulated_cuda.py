"""`pytest -p emulated_cuda`: kernels that are native on GPUs run on the emulated one, in XLA programs for the CPU.

`SPIKELOOP_LIBCUDA` names the emulated driver, which `make test-cuda` builds.
"""

from spikeloop._jax import mlir, register_target
from spikeloop.kernels import _kernel, _library
from spikeloop.kernels.plan import _loop, _sequence, _step
from spikeloop.plasticity import _plasticity


def install():
    """The names of the kernels that run emulated from now on."""
    prefix = _library.xla_name("", "cuda")
    handlers = {name.removeprefix(prefix): x for name, x in _library.native.registrations(cuda=True).items()}
    for target, capsule in handlers.items():
        register_target(prefix + target, capsule, "cpu")
        if "cuda" not in _library.targets.setdefault(target, ()):
            _library.targets[target] += ("cuda",)
    found = [k for k in _kernel.KERNELS.values() if k.target in handlers]
    for kernel in found:
        mlir.register_lowering(kernel.primitive, kernel._lowering("cuda"), platform="cpu")
    mlir.register_lowering(_loop.loop_p, _loop.lowering("cuda"), platform="cpu")
    mlir.register_lowering(_step.step_p, _step.lowering("cuda"), platform="cpu")
    mlir.register_lowering(_sequence.sequence_p, _sequence.lowering("cuda"), platform="cpu")
    _plasticity.is_faster = lambda dtype: False  # as where the default backend is a GPU
    return [kernel.name for kernel in found]


install()
