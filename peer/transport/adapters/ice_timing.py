"""Owns the intervals of ICE, as one value that tests shorten."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class IceTiming:
    """Every interval that ICE waits for, in seconds.

    Args:
        pacing: Ta, the least time between two checks that we begin (RFC 8445 section 14.2).
        server_timeout: How long one STUN or TURN server may take, its name look-up included.
        patience: How long to wait for the first valid pair (RFC 8863 section 4).
        consent_interval: Between two consent checks, randomised by a fifth either way;
            RFC 7675 section 5.1 forbids less than 4 s after that.
        consent_grace: How long a consent check may stay unanswered before silence counts.
        silence: Since the peer was last heard, before the transport is `disconnected`.
        consent_expiry: Since the last answer, before we must stop sending (RFC 7675 section 5.1).
        retirement: How long a generation that carries no more stays without a datagram.
        release: How long a TURN server may take to delete an allocation when we close.
    """

    pacing: float = 0.02
    server_timeout: float = 5.0
    patience: float = 30.0
    consent_interval: float = 5.0
    consent_grace: float = 1.0
    silence: float = 5.0
    consent_expiry: float = 30.0
    retirement: float = 10.0
    release: float = 0.5
