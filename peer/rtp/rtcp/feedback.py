"""NACK, PLI and FIR: feedback packets of RTCP (RFC 4585, RFC 5104)."""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from typing import Self

from peer.rtp.malformed import MalformedError
from peer.rtp.rtcp.header import (
    FEEDBACK_SSRCS,
    PacketType,
    PayloadFeedbackType,
    TransportFeedbackType,
    pack_packet,
)
from peer.values import dataclass

_PAIR = Struct("!HH")
_ENTRY = Struct("!IB3x")


def unpack_ssrcs(body: bytes) -> tuple[int, int]:
    """Return the SSRC of the packet sender and of the media source (RFC 4585 section 6.1).

    Raises:
        MalformedError: The body is shorter than two SSRCs.
    """
    if len(body) < FEEDBACK_SSRCS.size:
        raise MalformedError("a feedback packet is cut short", len(body))
    sender_ssrc, media_ssrc = FEEDBACK_SSRCS.unpack_from(body)
    return sender_ssrc, media_ssrc


@dataclass(frozen=True, slots=True)
class Nack:
    """A generic NACK names packets that were lost (RFC 4585 section 6.2.1).

    Args:
        sender_ssrc: SSRC of the packet sender.
        media_ssrc: SSRC of the media source.
        lost: Sequence numbers, each once, in the order of writing; rising is shortest.
    """

    sender_ssrc: int
    media_ssrc: int
    lost: tuple[int, ...]

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Parse the octets after the header: pairs of 4 octets, each of at most 17 packets."""
        lost: dict[int, None] = {}
        sender_ssrc, media_ssrc = unpack_ssrcs(body)
        if len(body) % 4:
            raise MalformedError("a NACK ends within a pair", len(body))
        for first, following in _PAIR.iter_unpack(body[FEEDBACK_SSRCS.size :]):
            lost[first] = None
            at = first
            while following:
                at += 1
                if following & 1:
                    lost[at & 0xFFFF] = None
                following >>= 1
        return cls(sender_ssrc, media_ssrc, tuple(lost))

    def write(self) -> bytes:
        """Write the packet as on the wire."""
        body = FEEDBACK_SSRCS.pack(self.sender_ssrc, self.media_ssrc)
        pairs = b"".join(_PAIR.pack(*pair) for pair in _pairs(self.lost))
        return pack_packet(
            body + pairs,
            packet_type=PacketType.TRANSPORT_FEEDBACK,
            count=TransportFeedbackType.NACK,
        )


def _pairs(lost: Iterable[int]) -> Iterable[tuple[int, int]]:
    first: int | None = None
    following = 0
    for number in lost:
        if first is not None:
            # RFC 4585 section 6.2.1: bit i (from the lowest, as 1) is the packet first + i.
            distance = (number - first) & 0xFFFF
            if distance <= 16:
                following |= 1 << distance >> 1
                continue
            yield first, following
        first, following = number, 0
    if first is not None:
        yield first, following


@dataclass(frozen=True, slots=True)
class PictureLossIndication:
    """A picture loss indication (PLI) asks for a keyframe (RFC 4585 section 6.3.1)."""

    sender_ssrc: int
    media_ssrc: int

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Parse the octets after the header."""
        return cls(*unpack_ssrcs(body))

    def write(self) -> bytes:
        """Write the packet as on the wire."""
        body = FEEDBACK_SSRCS.pack(self.sender_ssrc, self.media_ssrc)
        return pack_packet(
            body, packet_type=PacketType.PAYLOAD_FEEDBACK, count=PayloadFeedbackType.PLI
        )


@dataclass(frozen=True, slots=True)
class FullIntraRequest:
    """A full intra request (FIR) asks for keyframes (RFC 5104 section 4.3.1).

    Args:
        sender_ssrc: SSRC of the packet sender.
        entries: Pairs of the SSRC of a media source and a command sequence number of 8 bits; a
            repeated request keeps its number, so that it is served once.
    """

    sender_ssrc: int
    entries: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Parse the octets after the header."""
        # RFC 5104 section 4.3.1.2: the SSRC of the media source is not used.
        sender_ssrc, _ = unpack_ssrcs(body)
        entries = body[FEEDBACK_SSRCS.size :]
        if len(entries) % _ENTRY.size:
            raise MalformedError("a FIR ends within an entry", len(body))
        return cls(sender_ssrc, tuple(_ENTRY.iter_unpack(entries)))

    def write(self) -> bytes:
        """Write the packet as on the wire."""
        body = FEEDBACK_SSRCS.pack(self.sender_ssrc, 0)
        entries = b"".join(_ENTRY.pack(ssrc, number) for ssrc, number in self.entries)
        return pack_packet(
            body + entries,
            packet_type=PacketType.PAYLOAD_FEEDBACK,
            count=PayloadFeedbackType.FIR,
        )
