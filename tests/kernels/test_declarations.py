"""What Python declares of a kernel is what the native library was built with."""

import spikeloop as sl
from spikeloop.kernels import _library
from spikeloop.kernels._kernel import KERNELS


def test_every_kernel_has_native_code_and_is_listed(native):
    names = {name.removeprefix("spikeloop.") for name in native.registrations()}
    assert {kernel.name for kernel in KERNELS.values() if not kernel.elementwise} | {"program"} <= names
    assert set(_library.targets) == names
    shown = sl.info()["kernels"]
    assert set(shown) == {name for name in KERNELS if "." not in name}
    assert set(shown.values()) == {("cpu",)}
    assert "cpu: event_collect, " in repr(sl.info())
