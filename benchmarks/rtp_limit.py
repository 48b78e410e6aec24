"""Measures the limit of the machine: bare socket and SRTP calls in a loop.

`python -m benchmarks.rtp_limit CORE` prints the limit as JSON.
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

#: Datagrams of a burst, which fit into a socket buffer of the usual size.
_BURST = 100
#: Number of bursts, of which the best counts (ours).
_ROUNDS = 60
_KEY = bytes(range(46))
_PROFILE = Policy.SRTP_PROFILE_AEAD_AES_256_GCM


@dataclass(frozen=True, slots=True)
class Limit:
    """Least microseconds of each step for one packet.

    Args:
        receive: Time of `recvfrom`.
        unprotect: Time of pylibsrtp's `unprotect`, by AES-256-GCM.
        protect: Time of pylibsrtp's `protect`, by AES-256-GCM.
        send: Time of `sendto` to a socket of this machine that is not read.
    """

    receive: float
    unprotect: float
    protect: float
    send: float

    def received(self) -> float:
        """Return the packets a second that one core can receive and decrypt."""
        return 1e6 / (self.receive + self.unprotect)

    def relayed(self, peers: int) -> float:
        """Return the packets a second that one core can send, relaying each to `peers` peers."""
        each = self.receive + self.unprotect + peers * (self.protect + self.send)
        return 1e6 * peers / each


def measure() -> Limit:
    """Measure the best of many bursts."""
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
    """Return the seconds of each step for a burst between two sockets, in the order of `Limit`."""
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
