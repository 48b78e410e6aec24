"""Intervals and timeouts of ICE, as one value that tests shorten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.values import dataclass

if TYPE_CHECKING:
    from peer.times import Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class IceTiming:
    """Intervals and timeouts of one ICE transport, all in seconds.

    Args:
        pacing: Ta, the least time between two checks that we begin (RFC 8445 section 14.2).
        server_timeout: How long one STUN or TURN server may take, its name look-up included.
        connect_timeout: How long to wait for the first valid pair once the peer has our description
            and has named all its candidates (RFC 8863 section 4: 39.5 s at least).
        consent_interval: Between two consent checks, randomised by a fifth either way;
            RFC 7675 section 5.1 forbids less than 4 s after that.
        consent_grace: How long a consent check may stay unanswered before silence counts, and
            the path is in doubt.
        recheck: Between two checks of a path in doubt.
        silence: Time without a packet of the peer before the transport is `disconnected`.
        consent_expiry: Since the last answer, before we must stop sending (RFC 7675 section 5.1).
        retirement: How long a retired generation stays open without a datagram.
        release: How long a TURN server may take to delete an allocation when we close.
    """

    pacing: Seconds = 0.02
    server_timeout: Seconds = 5.0
    connect_timeout: Seconds = 39.5
    consent_interval: Seconds = 5.0
    consent_grace: Seconds = 1.0
    recheck: Seconds = 0.25
    silence: Seconds = 5.0
    consent_expiry: Seconds = 30.0
    retirement: Seconds = 10.0
    release: Seconds = 0.5
