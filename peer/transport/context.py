"""Carries what all parts of one transport share: policy, clock, trace and key log."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peer.configuration.security_policy import SecurityPolicy

if TYPE_CHECKING:
    from peer.times import MonotonicTime
    from peer.transport.tap import Tap

#: Takes one line of a key log, in the format of NSS (SSLKEYLOGFILE).
OnSecret = Callable[[bytes], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportContext:
    """Settings and observers that are handed down unchanged through every layer of a transport.

    Args:
        policy: Accepted SRTP profiles and hashes, early media, handshake timeout.
        clock: Gives the arrival time of packets in seconds, monotonic.
        tap: Told of datagrams, handshakes and drops; None where nobody traces the transport.
        on_secret: Told of the TLS session keys; None where they are not to be logged.
    """

    policy: SecurityPolicy = field(default_factory=SecurityPolicy)
    clock: Callable[[], MonotonicTime] = time.monotonic
    tap: Tap | None = None
    on_secret: OnSecret | None = None


#: The context of a transport with the default policy that nobody traces.
DEFAULT_CONTEXT = TransportContext()
