"""Probes of the candidate pairs beside the selected one, while that is in doubt."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from peer.transport.adapters.consent_check import ConsentCheck, SingleChecks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aioice import stun
    from aioice.ice import CandidatePair

    from peer.times import Seconds
    from peer.transport.adapters.pair_counters import PairCounters

#: Probes that may still be answered (ours): two rounds over all pairs that there can be.
MAX_PROBES = 1024


class PathProbes:
    """Sends one check on each of several pairs in turn, and keeps which of them were answered.

    Args:
        pacing: Ta, seconds between two checks (RFC 8445 section 14.2).
        request: Makes the check of a pair, without its MESSAGE-INTEGRITY.
        counters: Counts checks and answers by pair.
    """

    def __init__(
        self,
        *,
        pacing: Seconds,
        request: Callable[[CandidatePair], stun.Message],
        counters: PairCounters,
    ) -> None:
        self._pacing = pacing
        self._request = request
        self._counters = counters
        self._on_answer: Callable[[], None] | None = None
        self._answered: dict[CandidatePair, None] = {}
        self._sent = SingleChecks(MAX_PROBES)
        self._round: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<PathProbes {len(self._sent)} sent, {len(self._answered)} pairs answered>"

    def has_answered(self, pair: CandidatePair) -> bool:
        """Return True if a probe of the pair was answered since `end`."""
        return pair in self._answered

    def begin(
        self, pairs: Sequence[CandidatePair], key: bytes, on_answer: Callable[[], None]
    ) -> None:
        """Probe these pairs, unless the round before still goes on.

        Args:
            pairs: The pairs, in the order in which they are probed.
            key: The peer's password.
            on_answer: Called when a pair has answered.
        """
        self._on_answer = on_answer
        if pairs and (self._round is None or self._round.done()):
            self._round = asyncio.get_running_loop().create_task(self._probe(pairs, key))

    def end(self) -> None:
        """End the round, and forget which pairs have answered."""
        if self._round is not None:
            self._round.cancel()
            self._round = None
        self._sent.clear()
        self._answered.clear()

    async def _probe(self, pairs: Sequence[CandidatePair], key: bytes) -> None:
        for pair in pairs:
            if not pair.protocol.transport.is_closing():
                self._send(pair, key)
                await asyncio.sleep(self._pacing)

    def _send(self, pair: CandidatePair, key: bytes) -> None:
        request = self._request(pair)
        request.add_message_integrity(key)
        counts = self._counters.of(pair)
        counts.requests_sent += 1
        on_answer = partial(self._take, pair)
        check = ConsentCheck(request, pair, key, counts=counts, on_answer=on_answer)
        self._sent.send(check, request, pair)

    def _take(self, pair: CandidatePair, round_trip_time: Seconds | None) -> None:
        if round_trip_time is not None:
            self._answered[pair] = None
            if self._on_answer is not None:
                self._on_answer()
