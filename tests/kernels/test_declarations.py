"""What Python declares of a kernel is what the native library was built with."""

import spikeloop as sl
from spikeloop.kernels import _library
from spikeloop.kernels._kernel import KERNELS

BUILDERS = {"connect_count", "connect_fill"}  # of connectivity, which are called outside of programs


def test_every_kernel_has_native_code_and_is_listed(native):
    names = {name.removeprefix("spikeloop.") for name in native.registrations()}
    native_kernels = {name: kernel for name, kernel in KERNELS.items() if kernel.platforms}
    targets = {kernel.target for kernel in native_kernels.values() if not kernel.elementwise}
    assert targets | {"program"} <= names
    assert set(_library.targets) - BUILDERS == names
    shown = sl.info()["kernels"]
    assert set(shown) == {name for name in native_kernels if "." not in name}
    on_gpu = {name.removeprefix("spikeloop.cuda.") for name in native.registrations(cuda=True)}
    held = on_gpu if native.cuda_targets() else {"program"}  # which brings its own code
    for name, platforms in shown.items():
        assert platforms == (("cpu", "cuda") if KERNELS[name].target in held else ("cpu",))
    assert "cpu: conv_outer, " in repr(sl.info())


def test_kernels_for_gpus_are_kernels_of_the_cpu_too(native):
    cuda = {name.removeprefix("spikeloop.cuda.") for name in native.registrations(cuda=True)}
    assert cuda - BUILDERS <= {name.removeprefix("spikeloop.") for name in native.registrations()}
    held = {target for target in cuda if native.cuda_targets() or target == "program"}
    assert {target for target, platforms in _library.targets.items() if "cuda" in platforms} == held
    for name in cuda - {"program", "sequence"} - BUILDERS:
        assert KERNELS[name].scratch.keys() <= {"cuda"}
