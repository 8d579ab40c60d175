import contextlib
import tracemalloc

import pytest


@pytest.fixture
def peak_memory():
    """A context in which Python and NumPy may not ask for more than so many bytes at a time."""

    @contextlib.contextmanager
    def limited(most_bytes):
        tracemalloc.start()
        try:
            yield
            assert tracemalloc.get_traced_memory()[1] < most_bytes
        finally:
            tracemalloc.stop()

    return limited
