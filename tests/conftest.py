"""What all tests share: clean settings and caches around each test, and counters of compilations."""

import gc

import jax
import pytest
import spikeloop as sl
from spikeloop.kernels import _library

_compiled: list[str] = []


def _note_compile(event: str, _seconds: float, **details: object) -> None:
    if event == "/jax/core/compile/backend_compile_duration":
        _compiled.append(str(details))


jax.monitoring.register_event_duration_secs_listener(_note_compile)


@pytest.fixture(autouse=True)
def clean_slate():
    """Every test starts without settings and warnings given, and leaves no trace open; compiled programs are shared."""
    sl.kernels._library._warned.clear()
    sl.transform._recompilation.forget()
    sl.environ.reset()
    yield
    assert sl._trace.current() is None
    assert not sl.environ._contexts.frames
    sl.environ.reset()


@pytest.fixture(autouse=True, scope="module")
def little_to_collect():
    """What a file of tests leaves, mostly compiled programs, is not looked through again for garbage."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture
def compiles():
    """A function that returns how many programs XLA compiled since the last call of it."""
    seen = len(_compiled)

    def count() -> int:
        nonlocal seen
        new, seen = _compiled[seen:], len(_compiled)
        print("compiled:", *new)  # shown where a test fails
        return len(new)

    return count


class _Counter:
    """Counts its calls."""

    def __init__(self):
        self.count = 0

    def __call__(self):
        self.count += 1


@pytest.fixture
def traces():
    """A function to call inside traced ones; `traces.count` is how often they were traced."""
    return _Counter()


@pytest.fixture
def live():
    """A function that returns the number of live arrays and of live objects of a type."""

    def count(kind: type = sl.State) -> tuple[int, int]:
        gc.collect()
        return len(jax.live_arrays()), sum(isinstance(o, kind) for o in gc.get_objects())

    return count


@pytest.fixture(scope="session")
def native():
    """The native library; without it the test is skipped."""
    if _library.native is None:
        pytest.skip("the native library is not built")
    return _library.native
