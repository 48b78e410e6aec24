"""Consent check of ICE as a STUN transaction (RFC 7675)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from aioice import stun

if TYPE_CHECKING:
    from aioice.ice import CandidatePair, StunProtocol

    from peer.times import Seconds
    from peer.transport.adapters.ice_socket import Address
    from peer.transport.adapters.pair_counters import PairCounts

#: Called with the round-trip time of a consent check, or None if the peer withdrew its consent.
OnConsentAnswer: TypeAlias = "Callable[[Seconds | None], None]"


#: Consent checks that may still be answered (ours): those of 30 s by the schedule of RFC 7675
#: section 5.1, and of more than 3 s while the path is in doubt.
MAX_CONSENT_CHECKS = 8


class ConsentCheck(stun.Transaction):
    """STUN binding request that is sent once, and may be answered until its owner forgets it.

    aioice's own transactions retransmit and give up after half a second; RFC 7675 section 5.1
    wants neither.

    Args:
        request: The request, with its MESSAGE-INTEGRITY.
        pair: The candidate pair that it is sent on.
        key: The peer's password, which its answer is protected with.
        counts: Counts the answers of the pair.
        on_answer: Called with each authentic answer.
    """

    def __init__(
        self,
        request: stun.Message,
        pair: CandidatePair,
        key: bytes,
        *,
        counts: PairCounts,
        on_answer: OnConsentAnswer,
    ) -> None:
        super().__init__(request, pair.remote_addr, pair.protocol, integrity_key=key)
        self._counts = counts
        self._pair = pair
        self._key = key
        self._on_answer = on_answer
        self._sent_at = asyncio.get_running_loop().time()

    def response_received(self, message: stun.Message, addr: Address) -> None:
        """Pass an authentic answer on; called by the socket."""
        if addr != self._pair.remote_addr or not message.check_message_integrity(self._key):
            return
        round_trip_time = asyncio.get_running_loop().time() - self._sent_at
        self._counts.on_response(round_trip_time)
        if message.message_class is stun.Class.RESPONSE:
            self._on_answer(round_trip_time)
        # RFC 7675 section 5.2: Forbidden withdraws consent at once.
        elif message.error_code == 403:
            self._on_answer(None)


class SingleChecks:
    """Checks that may still be answered, up to a limit, beyond which the oldest is forgotten.

    Args:
        limit: The limit.
    """

    def __init__(self, limit: int = MAX_CONSENT_CHECKS) -> None:
        self._limit = limit
        self._sent: list[tuple[StunProtocol, bytes]] = []

    def __len__(self) -> int:
        return len(self._sent)

    def send(self, check: ConsentCheck, request: stun.Message, pair: CandidatePair) -> None:
        """Send a check once."""
        pair.protocol.transactions[request.transaction_id] = check
        self._sent.append((pair.protocol, request.transaction_id))
        if len(self._sent) > self._limit:
            self._forget_oldest()
        pair.protocol.send_stun(request, pair.remote_addr)

    def clear(self) -> None:
        """Forget all of them."""
        while self._sent:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        protocol, transaction = self._sent.pop(0)
        protocol.transactions.pop(transaction, None)
