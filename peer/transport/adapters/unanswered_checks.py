"""Connectivity checks that wait for an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aioice import stun
    from aioice.ice import CandidatePair


class UnansweredChecks:
    """Keeps the check of each pair until it is answered, or was sent again."""

    def __init__(self) -> None:
        self._requests: dict[CandidatePair, stun.Message] = {}

    def __repr__(self) -> str:
        return f"<UnansweredChecks of {len(self._requests)} pairs>"

    def add(self, pair: CandidatePair, request: stun.Message) -> None:
        """Keep a check that is being sent."""
        self._requests[pair] = request

    def take(self, pair: CandidatePair) -> stun.Message | None:
        """Return the check of a pair to be sent again, once."""
        return self._requests.pop(pair, None)

    def end(self, pair: CandidatePair) -> None:
        """Forget the check of a pair, which was answered, has failed or was given up."""
        self._requests.pop(pair, None)
