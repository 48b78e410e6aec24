"""Decides on a ClientHello for an association that is complete: RFC 6347 section 4.2.8. PURE.

A peer that has lost its state begins DTLS anew on the path that it has. Whoever writes the peer's
address can send a ClientHello in its name, or one of the peer's own again. So nothing is begun
before the client has shown that it hears us, by the cookie of a HelloVerifyRequest; that request is
small, is not sent for a ClientHello that was seen before, and is sent so often only.
"""

from __future__ import annotations

import secrets
from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from peer.times import MonotonicTime
    from peer.transport.dtls.record_filter import ClientHello

#: Seconds between two HelloVerifyRequests for an association that is complete (ours).
VERIFY_INTERVAL: Final = 0.25
#: Seconds between two handshakes that take the place of a complete association (ours).
RESTART_INTERVAL: Final = 2.0
#: Bound on the randoms of former clients that are remembered (ours).
MAX_RANDOMS: Final = 64
#: Size of the cookie in bytes; RFC 6347 section 4.2.1 allows 255.
COOKIE_SIZE: Final = 20


class NewClient(Enum):
    """Answer to a ClientHello for an association that is complete."""

    #: Send nothing: it is a copy of an earlier one, or too soon after the last.
    IGNORE = auto()
    #: Send a HelloVerifyRequest.
    VERIFY = auto()
    #: Begin a handshake beside the association that serves.
    ACCEPT = auto()


class NewClientGate:
    """Decides which ClientHellos of one transport may begin another handshake.

    Attributes:
        cookie: The one that a client has to show; another one after each that is accepted.
    """

    def __init__(self) -> None:
        self.cookie = secrets.token_bytes(COOKIE_SIZE)
        self._randoms: deque[bytes] = deque(maxlen=MAX_RANDOMS)
        self._verified_at: MonotonicTime = float("-inf")
        self._accepted_at: MonotonicTime = float("-inf")

    def __repr__(self) -> str:
        return f"<NewClientGate {len(self._randoms)} clients known>"

    def remember(self, random: bytes) -> None:
        """Take note of a client whose ClientHello may come again, late or replayed."""
        if random not in self._randoms:
            self._randoms.append(random)

    def judge(self, hello: ClientHello, now: MonotonicTime) -> NewClient:
        """Decide on a ClientHello, and remember what was decided.

        Args:
            hello: Its beginning.
            now: The present time.
        """
        if hello.random in self._randoms:
            return NewClient.IGNORE
        if secrets.compare_digest(hello.cookie, self.cookie):
            return self.judge_verified(hello, now)
        if now < self._verified_at + VERIFY_INTERVAL:
            return NewClient.IGNORE
        self._verified_at = now
        return NewClient.VERIFY

    def judge_verified(self, hello: ClientHello, now: MonotonicTime) -> NewClient:
        """Accept a ClientHello whose cookie was compared, unless it is a copy, or too soon.

        Args:
            hello: Its beginning.
            now: The present time.
        """
        if hello.random in self._randoms or now < self._accepted_at + RESTART_INTERVAL:
            return NewClient.IGNORE
        self._accepted_at = now
        self.cookie = secrets.token_bytes(COOKIE_SIZE)
        self.remember(hello.random)
        return NewClient.ACCEPT
