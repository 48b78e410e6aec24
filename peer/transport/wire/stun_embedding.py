"""DTLS handshake inside the connectivity checks of ICE (SPED, draft-hancke-webrtc-sped). PURE.

A check and its answer carry one datagram of our flight each, and say which of the peer's have come.
So the handshake is under way before there is a path, and a round trip shorter.
"""

from __future__ import annotations

import enum
import zlib
from collections import deque
from typing import TYPE_CHECKING, Final

from peer.transport.wire.demux import DatagramClass, classify
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

#: STUN attribute of one DTLS datagram (libwebrtc's name; draft-hancke-webrtc-sped).
DATAGRAM_ATTRIBUTE: Final = "META-DTLS-IN-STUN"
#: STUN attribute of a CRC-32 of each of the last datagrams that have come.
ACKNOWLEDGEMENT_ATTRIBUTE: Final = "META-DTLS-IN-STUN-ACKNOWLEDGEMENT"
#: Most octets of a datagram that a check carries (the draft's: the check stays under 1,200).
MAX_EMBEDDED: Final = 900
#: Datagrams that are acknowledged, the last ones (libwebrtc's).
MAX_ACKNOWLEDGED: Final = 4
#: Octets of one acknowledgement: a CRC-32 of the datagram.
_ACKNOWLEDGEMENT: Final = 4


class EmbeddingState(enum.Enum):
    """Progress of an exchange of embedded datagrams."""

    #: Nothing has shown that the peer takes them.
    TENTATIVE = enum.auto()
    #: The peer has sent one, or an acknowledgement.
    CONFIRMED = enum.auto()
    #: Nothing is embedded any more: the peer takes none, or all has arrived.
    OVER = enum.auto()


@dataclass(frozen=True, slots=True)
class EmbeddedDtls:
    """The two attributes of one STUN message.

    Args:
        datagram: One DTLS datagram (0xC070); None without the attribute.
        acknowledged: A CRC-32 of each datagram that has come, four octets each (0xC071); empty
            before one has; None without the attribute.
    """

    datagram: bytes | None
    acknowledged: bytes | None


class StunEmbedding:
    """Embeds the flights of one handshake in checks, and takes those of the peer out of them.

    Datagrams go by the path as well, once there is one: what arrives twice is a replay to DTLS.

    Attributes:
        state: Progress of the exchange.
    """

    def __init__(self) -> None:
        self.state = EmbeddingState.TENTATIVE
        self._flight: deque[bytes] = deque()
        self._acknowledged: deque[bytes] = deque(maxlen=MAX_ACKNOWLEDGED)
        self._is_handshake_complete = False

    def __repr__(self) -> str:
        return f"<StunEmbedding {self.state.name} {len(self._flight)} datagrams to embed>"

    def set_flight(self, datagrams: Sequence[bytes]) -> None:
        """Embed the datagrams of a new flight, in place of those of the one before."""
        if self.state is not EmbeddingState.OVER:
            self._flight = deque(each for each in datagrams if len(each) <= MAX_EMBEDDED)

    def attributes(self, *, in_answer: bool = False) -> EmbeddedDtls | None:
        """Give what the next STUN message carries; None for nothing.

        Args:
            in_answer: It answers a check: only one that had embedded something itself is answered
                so.
        """
        if self.state is EmbeddingState.OVER:
            return None
        if in_answer and self.state is EmbeddingState.TENTATIVE:
            return None
        datagram = self._flight[0] if self._flight else None
        # Each of a flight in turn, until it is acknowledged.
        self._flight.rotate(-1)
        return EmbeddedDtls(datagram, b"".join(self._acknowledged))

    def receive(self, embedded: EmbeddedDtls) -> bytes | None:
        """Take what an authenticated STUN message of the peer carries.

        Returns:
            A datagram for DTLS, or None.
        """
        if self.state is EmbeddingState.OVER:
            return None
        if embedded.datagram is None and embedded.acknowledged is None:
            if self.state is EmbeddingState.TENTATIVE or self._is_handshake_complete:
                # The peer takes none, or has all and says nothing more.
                self.end()
            return None
        self.state = EmbeddingState.CONFIRMED
        self._prune(embedded.acknowledged or b"")
        datagram = embedded.datagram
        if not datagram or classify(datagram) is not DatagramClass.DTLS:
            return None
        self.acknowledge(datagram)
        return datagram

    def acknowledge(self, datagram: bytes) -> None:
        """Acknowledge a datagram of the peer in the messages to come, however it came."""
        if (
            self.state is not EmbeddingState.OVER
            and (crc := _crc(datagram)) not in self._acknowledged
        ):
            self._acknowledged.append(crc)

    def note_complete(self, *, answered: bool) -> None:
        """Note that our handshake is complete.

        Args:
            answered: The peer has answered our last flight; else it goes on until the peer
                acknowledges it.
        """
        self._is_handshake_complete = True
        if answered or not self._flight:
            self.end()

    def end(self) -> None:
        """Embed nothing any more: the peer takes none, or DTLS itself shows that it has all."""
        self.state = EmbeddingState.OVER
        self._flight.clear()
        self._acknowledged.clear()

    def _prune(self, acknowledged: bytes) -> None:
        steps = range(0, len(acknowledged) - _ACKNOWLEDGEMENT + 1, _ACKNOWLEDGEMENT)
        arrived = {acknowledged[place : place + _ACKNOWLEDGEMENT] for place in steps}
        self._flight = deque(each for each in self._flight if _crc(each) not in arrived)
        if self._is_handshake_complete and not self._flight:
            self.end()


def _crc(datagram: bytes) -> bytes:
    return zlib.crc32(datagram).to_bytes(_ACKNOWLEDGEMENT)
