import pytest
from spikeloop.kernels import _library


@pytest.fixture(scope="session")
def native():
    """The native library; without it the test is skipped."""
    if _library.native is None:
        pytest.skip("the native library is not built")
    return _library.native
