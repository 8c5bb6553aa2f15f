"""What Python declares of a kernel is what the native library was built with."""

import jax
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.kernels import _library
from spikeloop.models import Neuron
from spikeloop.models._short_term import ShortTermPlasticity


def every_subclass(cls):
    return {cls}.union(*(every_subclass(sub) for sub in cls.__subclasses__()))


def test_models_declare_the_operands_of_the_native_kernels(native):
    table = native.kernel_table()
    declared = {}
    for model in every_subclass(Neuron) | every_subclass(ShortTermPlasticity):
        if model.kernel is not None and model.__module__.startswith("spikeloop."):
            form = {"params": list(model.operands), "state": list(model.state_vars)}
            assert declared.setdefault(model.kernel, form) == form, model
    assert declared == table


def test_every_kernel_has_its_derivatives_and_is_listed(native):
    names = set(native.registrations())
    for kernel in native.kernel_table():
        assert {f"spikeloop.{kernel}{suffix}" for suffix in ("", ".jvp", ".vjp")} <= names
    assert {f"spikeloop.event_{op}" for op in ("scatter", "gather", "outer")} <= names
    assert set(_library.targets) == {name.removeprefix("spikeloop.") for name in names}
    shown = sl.info()["kernels"]
    assert set(shown) == {name for name in _library.targets if "." not in name} - {"panic"}
    assert set(shown.values()) == {("cpu",)}
    assert set(native.kernel_table()) < set(shown)
    assert "cpu: ad_qua_if, adex_if, " in repr(sl.info())


@pytest.mark.parametrize("kind", ["ReceptorKind", "surrogate"])
def test_a_code_that_the_library_does_not_know_is_an_error(native, pass_tools, kind):
    config = pass_tools.make_pass(receptors=[pass_tools.COBA])
    args = pass_tools.Operands(config, (3,), dtype=np.float32).draw()
    attrs = {"refractory": False, "delta": False, "hard": False, "surrogate": np.int32(0),
             "receptors": np.array([0], np.int32), "n_receptors": np.int32(1)}  # fmt: skip
    wrong = {"surrogate": np.int32(77)} if kind == "surrogate" else {"receptors": np.array([77], np.int32)}
    shapes = [jax.ShapeDtypeStruct((3,), np.float32)] * 3
    call = jax.ffi.ffi_call("spikeloop.lif", shapes)
    assert len(call(*args, **attrs)) == 3
    with pytest.raises(jax.errors.JaxRuntimeError, match="77"):
        call(*args, **{**attrs, **wrong})
