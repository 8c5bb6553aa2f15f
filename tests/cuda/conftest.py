"""These tests need the emulated driver, and no JAX: a sanitizer takes them, if pytest loads no other conftest."""

import os
from pathlib import Path

import call_frame
import pytest


def pytest_collection_modifyitems(items):
    if "SPIKELOOP_LIBCUDA" in os.environ:
        return
    for item in items:  # of the whole session
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="SPIKELOOP_LIBCUDA is not set: run `make test-cuda`"))


ORDERS = int(os.environ.get("SPIKELOOP_ORDERS", "2"))


@pytest.fixture(params=range(ORDERS), ids="seed{}".format)
def seed(request):
    """An order of threads and blocks: one after the other, or shuffled with this seed."""
    call_frame.driver().fake_seed(request.param)
    yield request.param
    call_frame.driver().fake_seed(0)
