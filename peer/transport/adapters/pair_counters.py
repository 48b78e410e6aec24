"""Counts the checks and datagrams of each candidate pair (W3C webrtc-stats, candidate-pair)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from aioice import stun

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioice.ice import CandidatePair

    from peer.times import MonotonicTime, Seconds


@dataclass(slots=True)
class Traffic:
    """Datagrams that are not STUN: numbers, and sums of their sizes in bytes.

    Args:
        packets_unsent: Refused: there was no path, or no room in the socket.
    """

    packets_sent: int = 0
    bytes_sent: int = 0
    packets_received: int = 0
    bytes_received: int = 0
    packets_unsent: int = 0

    def add(self, now: Traffic, *, since: Traffic) -> None:
        """Add what has come between two moments."""
        self.packets_sent += now.packets_sent - since.packets_sent
        self.bytes_sent += now.bytes_sent - since.bytes_sent
        self.packets_received += now.packets_received - since.packets_received
        self.bytes_received += now.bytes_received - since.bytes_received
        self.packets_unsent += now.packets_unsent - since.packets_unsent


@dataclass(slots=True)
class PairCounts:
    """Counts of one candidate pair.

    Args:
        traffic: Datagrams of the time in which the pair was selected.
        requests_sent: Connectivity checks sent, without retransmissions and consent checks.
        responses_received: Responses to checks of both kinds.
        requests_received: Checks of the peer.
        responses_sent: Responses to these.
        consent_requests_sent: Consent checks sent (RFC 7675).
        round_trip: Last round trip of a check of either kind; None before one.
        round_trip_total: Sum of all of these.
    """

    traffic: Traffic
    requests_sent: int = 0
    responses_received: int = 0
    requests_received: int = 0
    responses_sent: int = 0
    consent_requests_sent: int = 0
    round_trip: Seconds | None = None
    round_trip_total: Seconds = 0.0

    def on_response(self, round_trip: Seconds | None) -> None:
        """Count a response, with the round trip in seconds where it shows one."""
        self.responses_received += 1
        if round_trip is not None:
            self.round_trip = round_trip
            self.round_trip_total += round_trip


class PairCounters:
    """Counts the checks of all candidate pairs of one agent, and datagrams by the selected pair.

    Nothing is counted here for a datagram: what the agent has counted between two selections
    belongs to the pair that was selected. Counts live as long as their pair.

    Attributes:
        changes: Times that another pair was selected, the first one included.
        traffic: Returns the datagrams of the agent so far.
    """

    def __init__(self) -> None:
        self.changes = 0
        self.traffic: Callable[[], Traffic] = Traffic
        self._counts: WeakKeyDictionary[CandidatePair, PairCounts] = WeakKeyDictionary()
        self._unanswered: dict[bytes, tuple[PairCounts, MonotonicTime]] = {}
        self._selected: PairCounts | None = None
        self._seen = Traffic()

    def __repr__(self) -> str:
        return f"<PairCounters of {len(self._counts)} pairs, {len(self._unanswered)} unanswered>"

    def of(self, pair: CandidatePair) -> PairCounts:
        """Return the counts of a pair, which go on."""
        found = self._counts.get(pair)
        if found is None:
            found = self._counts[pair] = PairCounts(Traffic())
        return found

    def on_request(self, pair: CandidatePair, transaction: bytes) -> None:
        """Count a connectivity check that is sent now."""
        counts = self.of(pair)
        counts.requests_sent += 1
        self._unanswered[transaction] = counts, asyncio.get_running_loop().time()

    def on_transaction_end(self, transaction: bytes, *, answered: bool) -> None:
        """Count the response to a check, if it is one of ours; a timeout is none."""
        counts, sent_at = self._unanswered.pop(transaction, (None, 0.0))
        if counts is not None and answered:
            taken = asyncio.get_running_loop().time() - sent_at
            # RFC 6298 section 3: a later answer may be one to any copy of the request.
            counts.on_response(taken if taken < stun.RETRY_RTO else None)

    def on_check_of_peer(self, pair: CandidatePair) -> None:
        """Count a check of the peer, which was answered."""
        counts = self.of(pair)
        counts.requests_received += 1
        counts.responses_sent += 1

    def select(self, pair: CandidatePair | None) -> None:
        """Count the datagrams up to now for the pair before, and those that follow for this one."""
        now = self.traffic()
        if self._selected is not None:
            self._selected.traffic.add(now, since=self._seen)
        # Of a handshake on a path that the peer's check alone has shown: the first pair's.
        if self._selected is not None or pair is None:
            self._seen = now
        selected = None if pair is None else self.of(pair)
        self.changes += selected is not None and selected is not self._selected
        self._selected = selected
