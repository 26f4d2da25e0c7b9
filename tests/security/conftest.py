"""What the tests of security share: the servers and clients of the core's tests."""

from tests.core.conftest import either, raw, server

__all__ = ["either", "raw", "server"]
