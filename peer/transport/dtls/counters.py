"""Counts the datagrams of a secure transport, by what a DTLS association made of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from peer.transport.tap import Drop

if TYPE_CHECKING:
    from peer.transport.tap import Tap


class ReceiveResult(Enum):
    """Result of `DtlsAssociation.receive` for one datagram."""

    #: Authenticated under the association's keys: RTP, RTCP or application data.
    PAYLOAD = auto()
    #: Given to the handshake, or a close_notify.
    HANDSHAKE = auto()
    #: Buffered: it may be under keys that the handshake has yet to yield.
    BUFFERED = auto()
    #: A DTLS record that OpenSSL dropped silently: wrong keys, or a replay.
    SILENT = auto()
    #: A message that no peer sends at this point of a handshake.
    OUT_OF_PLACE = auto()
    #: SRTP under other keys, or a replay.
    UNAUTHENTIC = auto()
    #: A ClientHello of another handshake, for an association that is complete.
    NEW_CLIENT = auto()
    #: Of a class that is not for any association, or not for this one.
    UNEXPECTED = auto()


#: Results for which a datagram counts as dropped (ours).
DROPS: Final = {
    ReceiveResult.OUT_OF_PLACE: Drop.OUT_OF_PLACE,
    ReceiveResult.UNAUTHENTIC: Drop.UNAUTHENTIC,
    ReceiveResult.UNEXPECTED: Drop.UNEXPECTED,
}


@dataclass(slots=True)
class Counters:
    """Mutable counts of one secure transport, which all its DTLS associations share.

    Args:
        packets_sent: Datagrams given to the path, DTLS and SRTP.
        packets_received: Datagrams taken from the path, dropped ones included.
        bytes_sent: Payload of the datagrams sent, in bytes without UDP and IP headers.
        bytes_received: Payload of the datagrams received, in bytes without UDP and IP headers.
        dropped_unsent: Packets of ours that were too large, or came while nothing could be sent.
        dropped_unauthentic: SRTP that did not authenticate or was a replay, and messages that no
            peer sends at that point of a handshake.
        dropped_early: Packets that waited for keys or verification until the buffer was full.
        dropped_unexpected: Datagrams of a class that is not for us, or for no association.
    """

    packets_sent: int = 0
    packets_received: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    dropped_unsent: int = 0
    dropped_unauthentic: int = 0
    dropped_early: int = 0
    dropped_unexpected: int = 0

    def count_drop(self, drop: Drop, datagram: bytes, tap: Tap | None) -> None:
        """Count a datagram that no association took, and trace it.

        Args:
            drop: The best result of any association for the datagram, by `DROPS`.
            datagram: As it was received.
            tap: Told of the drop, where the transport is traced.
        """
        if drop is Drop.UNEXPECTED:
            self.dropped_unexpected += 1
        else:
            self.dropped_unauthentic += 1
        if tap is not None:
            tap.dropped(drop, datagram)
