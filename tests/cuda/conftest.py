"""These tests need the emulated driver, and no JAX: a sanitizer takes them, if pytest loads no other conftest."""

import os

import call_frame
import pytest


def pytest_collection_modifyitems(items):
    if "SPIKELOOP_LIBCUDA" not in os.environ:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="SPIKELOOP_LIBCUDA is not set: run `make test-cuda`"))


@pytest.fixture(params=[0, 1, 2], ids="seed{}".format)
def seed(request):
    """An order of threads and blocks: one after the other, and two that are shuffled."""
    call_frame.driver().fake_seed(request.param)
    yield request.param
    call_frame.driver().fake_seed(0)
