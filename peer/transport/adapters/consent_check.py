"""Consent check of ICE as a STUN transaction (RFC 7675)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from aioice import stun

if TYPE_CHECKING:
    from aioice.ice import CandidatePair

    from peer.times import Seconds
    from peer.transport.adapters.ice_socket import Address

#: Called with the round-trip time of a consent check, or None if the peer withdrew its consent.
OnConsentAnswer: TypeAlias = "Callable[[Seconds | None], None]"


class ConsentCheck(stun.Transaction):
    """STUN binding request that is sent once, and may be answered until its owner forgets it.

    aioice's own transactions retransmit and give up after half a second; RFC 7675 section 5.1
    wants neither.

    Args:
        request: The request, with its MESSAGE-INTEGRITY.
        pair: The candidate pair that it is sent on.
        key: The peer's password, which its answer is protected with.
        on_answer: Called with each authentic answer.
    """

    def __init__(
        self, request: stun.Message, pair: CandidatePair, key: bytes, on_answer: OnConsentAnswer
    ) -> None:
        super().__init__(request, pair.remote_addr, pair.protocol, integrity_key=key)
        self._pair = pair
        self._key = key
        self._on_answer = on_answer
        self._sent_at = asyncio.get_running_loop().time()

    def response_received(self, message: stun.Message, addr: Address) -> None:
        """Pass an authentic answer on; called by the socket."""
        if addr != self._pair.remote_addr or not message.check_message_integrity(self._key):
            return
        if message.message_class is stun.Class.RESPONSE:
            self._on_answer(asyncio.get_running_loop().time() - self._sent_at)
        # RFC 7675 section 5.2: Forbidden withdraws consent at once.
        elif message.error_code == 403:
            self._on_answer(None)
