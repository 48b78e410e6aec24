"""Ports that are free at the moment, and those that a connection has."""

from __future__ import annotations

import contextlib
import re
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.support.negotiation.connections import local

if TYPE_CHECKING:
    from peer import PeerConnection


def free_run(length: int, address: str = "127.0.0.1") -> tuple[int, int]:
    """Find some neighbouring UDP ports that are free on the loopback at the moment."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for first in range(20000, 30000, length):
        with ExitStack() as stack:
            try:
                for port in range(first, first + length):
                    sock = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
                    sock.bind((address, port))
            except OSError:
                continue
            return first, first + length - 1
    raise AssertionError("no free ports")


def free_port(address: str = "127.0.0.1") -> int:
    """Find a port that is free for UDP and TCP on the loopback at the moment."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    while True:
        with (
            socket.socket(family, socket.SOCK_STREAM) as tcp,
            socket.socket(family, socket.SOCK_DGRAM) as udp,
        ):
            tcp.bind((address, 0))
            port: int = tcp.getsockname()[1]
            with contextlib.suppress(OSError):
                udp.bind((address, port))
                return port


def ports(pc: PeerConnection) -> set[int]:
    """Return the ports of the host candidates in our description."""
    found = re.findall(r"a=candidate:\S+ 1 udp \d+ \S+ (\d+) typ host", local(pc).sdp)
    return {int(port) for port in found}
