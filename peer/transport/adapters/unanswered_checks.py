"""Connectivity checks that wait for an answer, and the round trip that the first answers show."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aioice import stun

if TYPE_CHECKING:
    from aioice.ice import CandidatePair

    from peer.times import MonotonicTime, Seconds


class UnansweredChecks:
    """Keeps the check of each pair until it is answered, or was sent again.

    Attributes:
        round_trip_time: Of the last check that was answered before it was due again, in seconds;
            None before one was. An answer after that may be one to any of its copies (RFC 6298
            section 3).
    """

    def __init__(self) -> None:
        self.round_trip_time: Seconds | None = None
        self._requests: dict[CandidatePair, stun.Message] = {}
        self._sent_at: dict[CandidatePair, MonotonicTime] = {}

    def __repr__(self) -> str:
        return f"<UnansweredChecks of {len(self._sent_at)} pairs>"

    def add(self, pair: CandidatePair, request: stun.Message) -> None:
        """Keep a check that is being sent."""
        self._requests[pair] = request
        self._sent_at[pair] = asyncio.get_running_loop().time()

    def take(self, pair: CandidatePair) -> stun.Message | None:
        """Return the check of a pair to be sent again, once."""
        return self._requests.pop(pair, None)

    def end(self, pair: CandidatePair, *, answered: bool = False) -> None:
        """Forget the check of a pair, which was answered, has failed or was given up."""
        self._requests.pop(pair, None)
        sent_at = self._sent_at.pop(pair, None)
        if answered and sent_at is not None:
            taken = asyncio.get_running_loop().time() - sent_at
            if taken < stun.RETRY_RTO:
                self.round_trip_time = taken
