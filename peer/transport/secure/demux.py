"""Owns which DTLS association a datagram may belong to, where a path has several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from peer.transport.wire.datagrams import DatagramClass
from peer.transport.wire.dtls_records import HANDSHAKE_EPOCH, first_epoch


class Lane(Protocol):
    """An association as far as this module looks at it."""

    @property
    def handshaking(self) -> bool:
        """Whether its keys are still to come."""

    def expects(self, datagram: bytes) -> bool:
        """Whether a DTLS datagram in clear fits into its handshake at this point."""


_LaneT = TypeVar("_LaneT", bound=Lane)


def associations_for(
    datagram: bytes, kind: DatagramClass, lanes: Sequence[_LaneT]
) -> Sequence[_LaneT]:
    """The associations to offer a datagram to, in order; the first that takes it ends the search.

    Args:
        datagram: As it was received.
        kind: What `classify` made of it.
        lanes: All associations, newest first: the next one, the current one, retiring ones.
    """
    if len(lanes) < 2:
        return lanes
    handshaking = [lane for lane in lanes if lane.handshaking]
    match kind:
        case DatagramClass.DTLS if handshaking and first_epoch(datagram) == 0:
            # No established association may see what fits into a handshake, or a ClientHello would
            # look like a renegotiation to it. What does not may be late of a former one. The older
            # of two handshakes is asked first, as the peer began it first.
            fitting = [lane for lane in reversed(handshaking) if lane.expects(datagram)]
            return fitting or [*_newest_established(lanes), *handshaking]
        case DatagramClass.DTLS if first_epoch(datagram) == 0:
            # The end of a handshake again: an older association would answer with its own.
            return _newest_established(lanes)
        case DatagramClass.DTLS if handshaking and first_epoch(datagram) == HANDSHAKE_EPOCH:
            # Of a handshake of DTLS 1.3, or after many updates of keys (see `Record.epoch`).
            return [*handshaking, *(lane for lane in lanes if not lane.handshaking)]
        case DatagramClass.DTLS | DatagramClass.RTP | DatagramClass.RTCP:
            # One that has no keys yet can only hold a datagram back, so it is asked last.
            return _established_first(lanes) if handshaking else lanes
        case _:
            return ()


def _newest_established(lanes: Sequence[_LaneT]) -> Sequence[_LaneT]:
    return [lane for lane in lanes if not lane.handshaking][:1]


def _established_first(lanes: Sequence[_LaneT]) -> list[_LaneT]:
    return sorted(lanes, key=lambda lane: lane.handshaking)
