"""Owns what the machine itself takes: bare socket calls and SRTP in a loop, with nothing else.

`python -m benchmarks.rtp_limit CORE` prints it as JSON.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pylibsrtp import Policy, Session

from benchmarks.rtp_streams import PAYLOAD
from peer.transport.net.udp import enlarge_buffers

if TYPE_CHECKING:
    from collections.abc import Callable

#: As many datagrams as a buffer of the usual size holds.
_BURST = 100
_ROUNDS = 60
_KEY = bytes(range(46))
_PROFILE = Policy.SRTP_PROFILE_AEAD_AES_256_GCM


@dataclass(frozen=True, slots=True)
class Limit:
    """Microseconds that each step takes for one packet, at best.

    Args:
        receive: `recvfrom`.
        unprotect: pylibsrtp's, by AES-256-GCM.
        protect: Likewise.
        send: `sendto` to a socket of this machine that nobody waits at.
    """

    receive: float
    unprotect: float
    protect: float
    send: float

    def received(self) -> float:
        """Packets a second that one core can receive and decrypt, and do nothing with."""
        return 1e6 / (self.receive + self.unprotect)

    def relayed(self, peers: int) -> float:
        """Packets a second that one core can send, where each one received goes to so many."""
        each = self.receive + self.unprotect + peers * (self.protect + self.send)
        return 1e6 * peers / each


def measure() -> Limit:
    """Take the best of many bursts."""
    here, there = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    for each in (here, there):
        each.bind(("127.0.0.1", 0))
        enlarge_buffers(each)
    best = [float("inf")] * 4
    for _ in range(_ROUNDS):
        best = list(map(min, best, _round(here, there)))
    for each in (here, there):
        each.close()
    return Limit(*(1e6 * seconds / _BURST for seconds in best))


def _round(here: socket.socket, there: socket.socket) -> list[float]:
    """Seconds of each step, in the order of `Limit`, for a burst from one socket to the other."""
    address = here.getsockname()
    outbound = _session(Policy.SSRC_ANY_OUTBOUND)
    inbound = _session(Policy.SSRC_ANY_INBOUND)
    plain = [
        struct.pack("!BBHII", 0x80, 96, number, 0, 1) + bytes(PAYLOAD) for number in range(_BURST)
    ]
    protected: list[bytes] = []
    received: list[bytes] = []
    protect = _time(lambda: protected.extend(map(outbound.protect, plain)))
    send = _time(lambda: [there.sendto(packet, address) for packet in protected])
    receive = _time(lambda: received.extend(here.recvfrom(2048)[0] for _ in range(_BURST)))
    unprotect = _time(lambda: [inbound.unprotect(packet) for packet in received])
    return [receive, unprotect, protect, send]


def _session(direction: int) -> Session:
    return Session(Policy(key=_KEY, ssrc_type=direction, srtp_profile=_PROFILE))


def _time(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[1])})
    print(json.dumps(asdict(measure())))
