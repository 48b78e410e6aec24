"""Owns one consent check as a STUN transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from aioice import stun

if TYPE_CHECKING:
    from aioice.ice import CandidatePair

    from peer.transport.adapters.ice_socket import Address

ConsentAnswer = Callable[[float | None], None]


class ConsentCheck(stun.Transaction):
    """One consent check: sent once, and answered at any time until it is forgotten.

    aioice's own transactions retransmit and give up after half a second; RFC 7675 section 5.1
    wants neither.
    """

    def __init__(
        self, request: stun.Message, pair: CandidatePair, key: bytes, on_answer: ConsentAnswer
    ) -> None:
        super().__init__(request, pair.remote_addr, pair.protocol, integrity_key=key)
        self._pair = pair
        self._key = key
        self._on_answer = on_answer
        self._sent_at = asyncio.get_running_loop().time()

    def response_received(self, message: stun.Message, addr: Address) -> None:
        """Judge an answer; called by the socket."""
        if addr != self._pair.remote_addr or not message.check_message_integrity(self._key):
            return
        if message.message_class is stun.Class.RESPONSE:
            self._on_answer(asyncio.get_running_loop().time() - self._sent_at)
        # RFC 7675 section 5.2: Forbidden withdraws consent at once.
        elif message.error_code == 403:
            self._on_answer(None)
