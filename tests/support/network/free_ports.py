"""Ports that are free at the moment, and those that a connection has."""

from __future__ import annotations

import random
import re
import socket
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from tests.support.negotiation.connections import local

if TYPE_CHECKING:
    from peer import PeerConnection


#: Ports that the kernel gives to nobody who asks for any (it has those from 32768 on).
_FIRST, _LAST = 20_000, 30_000


def free_run(length: int, address: str = "127.0.0.1") -> tuple[int, int]:
    """Find some neighbouring ports that are free for UDP and TCP at the moment.

    They are looked for at random, as other test processes look for theirs.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for _ in range(1000):
        first = random.randrange(_FIRST, _LAST - length)
        with ExitStack() as stack, suppress(OSError):
            for port in range(first, first + length):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    stack.enter_context(socket.socket(family, kind)).bind((address, port))
            return first, first + length - 1
    raise AssertionError("no free ports")


def free_port(address: str = "127.0.0.1") -> int:
    """Find a port that is free for UDP and TCP at the moment."""
    return free_run(1, address)[0]


def ports(pc: PeerConnection) -> set[int]:
    """Return the ports of the host candidates in our description."""
    found = re.findall(r"a=candidate:\S+ 1 udp \d+ \S+ (\d+) typ host", local(pc).sdp)
    return {int(port) for port in found}
