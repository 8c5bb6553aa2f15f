"""Tests that need an NVIDIA GPU: skipped without one, and failed if `REQUIRE_GPU=1` says that there is one."""

import os

import jax
import pytest


@pytest.fixture(scope="session", autouse=True)
def gpu():
    """The first GPU."""
    try:
        return jax.devices("cuda")[0]
    except RuntimeError as error:
        if os.environ.get("REQUIRE_GPU") == "1":
            pytest.fail(f"REQUIRE_GPU=1, but JAX finds no GPU: {error}")
        pytest.skip("JAX finds no GPU")
