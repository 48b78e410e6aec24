"""Owns what a receiver asks of a sender: lost packets and new pictures (RFC 4585, RFC 5104)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from struct import Struct
from typing import Self

from peer.rtp.malformed import MalformedError
from peer.rtp.rtcp.header import ABOUT, PacketType, PayloadFormat, TransportFormat, packed

_PAIR = Struct("!HH")
_ENTRY = Struct("!IB3x")


def about(body: bytes) -> tuple[int, int]:
    """Who sends a feedback packet, and about which stream.

    Raises:
        MalformedError: It has no room for both.
    """
    if len(body) < ABOUT.size:
        raise MalformedError("a feedback packet is cut short", len(body))
    sender_ssrc, media_ssrc = ABOUT.unpack_from(body)
    return sender_ssrc, media_ssrc


@dataclass(frozen=True, slots=True)
class Nack:
    """Packets that were lost (RFC 4585 section 6.2.1).

    Args:
        sender_ssrc: Of who asks.
        media_ssrc: Of the stream.
        lost: Sequence numbers, each once; they are written in this order, best rising.
    """

    sender_ssrc: int
    media_ssrc: int
    lost: tuple[int, ...]

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read what follows the header; a pair of 4 octets names at most 17 packets."""
        lost: dict[int, None] = {}
        sender_ssrc, media_ssrc = about(body)
        if len(body) % 4:
            raise MalformedError("a NACK ends within a pair", len(body))
        for first, following in _PAIR.iter_unpack(body[ABOUT.size :]):
            lost[first] = None
            at = first
            while following:
                at += 1
                if following & 1:
                    lost[at & 0xFFFF] = None
                following >>= 1
        return cls(sender_ssrc, media_ssrc, tuple(lost))

    def write(self) -> bytes:
        """The packet for the wire."""
        body = ABOUT.pack(self.sender_ssrc, self.media_ssrc)
        pairs = b"".join(_PAIR.pack(*pair) for pair in _pairs(self.lost))
        return packed(PacketType.TRANSPORT_FEEDBACK, TransportFormat.NACK, body + pairs)


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
    """That a picture cannot be shown and a key frame would help (RFC 4585 section 6.3.1)."""

    sender_ssrc: int
    media_ssrc: int

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read what follows the header."""
        return cls(*about(body))

    def write(self) -> bytes:
        """The packet for the wire."""
        body = ABOUT.pack(self.sender_ssrc, self.media_ssrc)
        return packed(PacketType.PAYLOAD_FEEDBACK, PayloadFormat.PLI, body)


@dataclass(frozen=True, slots=True)
class FullIntraRequest:
    """That key frames are to be sent (RFC 5104 section 4.3.1).

    Args:
        sender_ssrc: Of who asks.
        entries: Pairs of the stream's SSRC and a number of 8 bits; a request that is repeated
            keeps its number, so that it is served once.
    """

    sender_ssrc: int
    entries: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read what follows the header."""
        # RFC 5104 section 4.3.1.2: the SSRC of the media source is not used.
        sender_ssrc, _ = about(body)
        entries = body[ABOUT.size :]
        if len(entries) % _ENTRY.size:
            raise MalformedError("a FIR ends within an entry", len(body))
        return cls(sender_ssrc, tuple(_ENTRY.iter_unpack(entries)))

    def write(self) -> bytes:
        """The packet for the wire."""
        body = ABOUT.pack(self.sender_ssrc, 0)
        entries = b"".join(_ENTRY.pack(ssrc, number) for ssrc, number in self.entries)
        return packed(PacketType.PAYLOAD_FEEDBACK, PayloadFormat.FIR, body + entries)
