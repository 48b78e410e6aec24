"""Decides on ClientHellos of unknown senders: the peer has no ICE (RFC 5763 6.7.2). PURE.

Of all that an unknown sender can send, only a ClientHello with a cookie of ours leads anywhere: to
a handshake. Whether that is of the peer is shown by its certificate, and only when it is complete.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from peer.transport.dtls.hello_cookies import HelloCookies

if TYPE_CHECKING:
    from peer.times import MonotonicTime
    from peer.transport.dtls.record_filter import ClientHello

#: Seconds that a first handshake has for itself before one from another address may take its place
#: (ours): long enough for a slow peer, and no longer than its first repetitions.
TAKE_OVER_INTERVAL: Final = 2.0


class StrangerVerdict(Enum):
    """Answer to a ClientHello of an unknown sender."""

    #: Send a HelloVerifyRequest.
    VERIFY = auto()
    #: It has shown that it is where it says: shake hands.
    ACCEPT = auto()
    #: Another one shakes hands at the moment.
    IGNORE = auto()


class StrangerGate:
    """Decides which unknown sender may begin the first handshake of a transport.

    Attributes:
        cookies: Makes and compares the cookies of all of them.
    """

    def __init__(self) -> None:
        self.cookies = HelloCookies()
        self._accepted_at: MonotonicTime = float("-inf")

    def __repr__(self) -> str:
        return f"<StrangerGate accepted at {self._accepted_at}>"

    def judge(
        self,
        hello: ClientHello,
        source: tuple[str, int],
        now: MonotonicTime,
        *,
        has_turn: bool,
    ) -> StrangerVerdict:
        """Decide on a ClientHello, and remember when one was accepted.

        Args:
            hello: Its beginning.
            source: The address that it came from.
            now: The present time.
            has_turn: It need not wait for another client: the peer's description names its
                address, or there was a whole handshake already.
        """
        if not self.cookies.is_shown(hello, source):
            return StrangerVerdict.VERIFY
        if now < self._accepted_at + TAKE_OVER_INTERVAL and not has_turn:
            return StrangerVerdict.IGNORE
        self._accepted_at = now
        self.cookies.renew()
        return StrangerVerdict.ACCEPT
