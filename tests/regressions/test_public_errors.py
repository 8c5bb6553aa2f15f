"""Errors can be caught by name, and what cannot be set any more is refused."""

import importlib
import inspect
import pickle
import pkgutil
import subprocess
import sys

import jax
import pytest
import spikeloop as sl
from spikeloop import environ, errors


def test_every_error_of_the_package_is_listed():
    listed = {value for value in vars(errors).values() if inspect.isclass(value)}
    for info in pkgutil.walk_packages(sl.__path__, "spikeloop."):
        if info.name in ("spikeloop.__main__", "spikeloop._native"):
            continue
        for value in vars(importlib.import_module(info.name)).values():
            own = inspect.isclass(value) and issubclass(value, Exception) and value.__module__.startswith("spikeloop")
            if own and issubclass(value, errors.SpikeloopError):
                assert value in listed, value
    assert all(issubclass(error, errors.SpikeloopError) for error in listed)


def test_version():
    assert sl.__version__[0].isdigit()
    assert sl.info()["spikeloop"] == sl.__version__


def test_platform_and_number_of_devices_stay_after_the_first_computation():
    jax.numpy.zeros(1)
    before = environ.all()
    for change in (lambda: environ.set(dt=1.0, platform="tpu"), lambda: environ.set_platform("tpu")):
        with pytest.raises(errors.StartedError, match=r"JAX has started on 'cpu'.*environ\.set\(platform='tpu'\)"):
            change()
    for change in (lambda: environ.set(host_device_count=77), lambda: environ.set_host_device_count(77)):
        with pytest.raises(errors.StartedError, match=r"JAX has started with 1 CPU.*set\(host_device_count=77\)"):
            change()
    assert environ.all() == before
    assert environ.get_host_device_count() == 1
    environ.set(platform="cpu", host_device_count=1)  # as it is


@pytest.mark.parametrize("setting", [{"platform": "gpx"}, {"host_device_count": 0}, {"host_device_count": 1.5}])
def test_settings_that_cannot_be(setting):
    with pytest.raises(ValueError, match=f"{next(iter(setting))} must be"):
        environ.set(**setting)


def test_before_the_first_computation_both_are_taken():
    code = "import spikeloop as sl, jax; sl.environ.set(platform='cpu', host_device_count=3); print(jax.device_count())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "3\n"


def test_an_interrupted_run_is_sent_between_processes():
    error = pickle.loads(pickle.dumps(errors.Interrupted("5 of 10 steps", {"run": 1})))
    assert (str(error), error.run) == ("5 of 10 steps", {"run": 1})
