"""The IPv4 address that this machine reaches others by."""

from __future__ import annotations

import socket


def own_address() -> str:
    """Return this machine's address on the default route, without sending anything.

    Raises:
        OSError: There is no such route.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])
