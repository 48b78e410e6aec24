"""Parses and writes RTP packets (RFC 3550) and their header extensions (RFC 8285). PURE."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from struct import Struct
from typing import TYPE_CHECKING, Self

from peer.rtp.malformed import MalformedError
from peer.rtp.rtcp.ntp import from_ntp, to_ntp
from peer.times import UnixTime
from peer.values import dataclass

if TYPE_CHECKING:
    from peer.rtp_parameters import HeaderExtension
    from peer.times import Seconds


#: The fixed header: version and flags, marker and payload type, sequence number, timestamp, SSRC.
HEADER = Struct("!BBHII")
#: The same, followed by the profile and the length in words of a header extension.
HEADER_WITH_EXTENSION = Struct("!BBHIIHH")

_EXTENSION = Struct("!HH")
_unpack_header = HEADER.unpack_from
_pack_header = HEADER.pack
_unpack_extension = _EXTENSION.unpack_from

_FIXED_SIZE = HEADER.size
#: Version 2 in the first byte of the fixed header (RFC 3550 section 5.1).
_VERSION = 0x80
#: Bits of the version in the first byte (RFC 3550 section 5.1).
_VERSION_MASK = 0xC0
#: Bit P of the first byte: the packet ends in padding (RFC 3550 section 5.1).
_HAS_PADDING = 0x20
#: Bit X of the first byte: a header extension follows (RFC 3550 section 5.1).
_HAS_EXTENSION = 0x10
#: Bits CC of the first byte: the number of contributing sources (RFC 3550 section 5.1).
_CSRC_COUNT = 0x0F
#: Bit M of the second byte, above the payload type (RFC 3550 section 5.1).
_MARKER = 0x80


class RtpPacket:
    """One RTP packet, mutable; two are equal where all their attributes are.

    Args:
        payload_type: 0 to 127.
        marker: Its meaning is that of the payload format, for example the end of a video frame.
        sequence_number: 16 bits.
        timestamp: 32 bits, in ticks of the codec's clock.
        ssrc: 32 bits.
        payload: The bytes after the headers, without padding.
        csrcs: The contributing sources, at most 15.
        profile: Profile of the header extension, 16 bits; 0 without one.
        extension: The header extension as on the wire; a multiple of 4 bytes.
        padding: Bytes after the payload, at most 255; 0 for none.
    """

    __slots__ = (
        "csrcs",
        "extension",
        "marker",
        "padding",
        "payload",
        "payload_type",
        "profile",
        "sequence_number",
        "ssrc",
        "timestamp",
    )

    def __init__(
        self,
        *,
        payload_type: int,
        sequence_number: int,
        timestamp: int,
        ssrc: int,
        marker: bool = False,
        payload: bytes = b"",
        csrcs: tuple[int, ...] = (),
        profile: int = 0,
        extension: bytes = b"",
        padding: int = 0,
    ) -> None:
        self.payload_type = payload_type
        self.marker = marker
        self.sequence_number = sequence_number
        self.timestamp = timestamp
        self.ssrc = ssrc
        self.payload = payload
        self.csrcs = csrcs
        self.profile = profile
        self.extension = extension
        self.padding = padding

    @classmethod
    def parse(cls, data: bytes) -> RtpPacket:
        """Parse a packet as it came from the wire.

        Raises:
            MalformedError: It is not RTP version 2, or is shorter than its header says.
        """
        try:
            first, marker_and_payload_type, sequence_number, timestamp, ssrc = _unpack_header(data)
        except struct.error:
            raise MalformedError("an RTP header is cut short", len(data)) from None
        if first & _VERSION_MASK != _VERSION:
            raise MalformedError("RTP of another version than 2")
        # Without __init__: its keywords would cost as much as all the rest.
        packet = cls.__new__(cls)
        packet.payload_type = marker_and_payload_type & 0x7F
        packet.marker = marker_and_payload_type >= _MARKER
        packet.sequence_number = sequence_number
        packet.timestamp = timestamp
        packet.ssrc = ssrc
        packet.csrcs = ()
        packet.profile = 0
        packet.extension = b""
        packet.padding = 0
        if first == _VERSION:
            packet.payload = data[_FIXED_SIZE:]
        else:
            _parse_rest(packet, data, first)
        return packet

    def write(self) -> bytes:
        """Write the packet for the wire; a number beyond its bits raises `struct.error`."""
        marker_and_payload_type = self.payload_type | _MARKER if self.marker else self.payload_type
        if not self.csrcs and not self.padding:
            if not self.profile:
                return (
                    _pack_header(
                        _VERSION,
                        marker_and_payload_type,
                        self.sequence_number,
                        self.timestamp,
                        self.ssrc,
                    )
                    + self.payload
                )
            extension = self.extension
            return (
                HEADER_WITH_EXTENSION.pack(
                    _VERSION | _HAS_EXTENSION,
                    marker_and_payload_type,
                    self.sequence_number,
                    self.timestamp,
                    self.ssrc,
                    self.profile,
                    len(extension) >> 2,
                )
                + extension
                + self.payload
            )
        return self._write_all(marker_and_payload_type)

    def _write_all(self, marker_and_payload_type: int) -> bytes:
        first = _VERSION | len(self.csrcs)
        if self.profile:
            first |= _HAS_EXTENSION
        if self.padding:
            first |= _HAS_PADDING
        parts = [
            _pack_header(
                first, marker_and_payload_type, self.sequence_number, self.timestamp, self.ssrc
            ),
            *(source.to_bytes(4, "big") for source in self.csrcs),
        ]
        if self.profile:
            parts += [_EXTENSION.pack(self.profile, len(self.extension) >> 2), self.extension]
        parts.append(self.payload)
        if self.padding:
            parts.append(bytes(self.padding - 1) + bytes((self.padding,)))
        return b"".join(parts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RtpPacket):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __repr__(self) -> str:
        return (
            f"RtpPacket(ssrc={self.ssrc}, payload_type={self.payload_type},"
            f" sequence_number={self.sequence_number}, timestamp={self.timestamp},"
            f" marker={self.marker}, payload={len(self.payload)} octets)"
        )


def _parse_rest(packet: RtpPacket, data: bytes, first: int) -> None:
    end = len(data)
    start = _FIXED_SIZE
    # RFC 3550 section 5.1: CC identifiers of 32 bits follow the fixed header.
    if count := first & _CSRC_COUNT:
        start += 4 * count
        if start > end:
            raise MalformedError("an RTP packet ends among its contributing sources", end)
        packet.csrcs = Struct(f"!{count}I").unpack_from(data, _FIXED_SIZE)
    # RFC 3550 section 5.3.1: the length counts words and leaves out the four octets here.
    if first & _HAS_EXTENSION:
        if start + 4 > end:
            raise MalformedError("an RTP packet ends before its header extension", end)
        packet.profile, words = _unpack_extension(data, start)
        begin = start + 4
        start = begin + 4 * words
        if start > end:
            raise MalformedError("an RTP packet ends within its header extension", end)
        packet.extension = data[begin:start]
    # RFC 3550 section 5.1: the last octet says how many, itself included.
    if first & _HAS_PADDING:
        padding = data[-1]
        if not 0 < padding <= end - start:
            raise MalformedError("an RTP packet has less padding than it says", end)
        packet.padding = padding
        end -= padding
    packet.payload = data[start:end]


MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
ABS_CAPTURE_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"

#: Profile of the one-byte header (RFC 8285 section 4.2).
ONE_BYTE_PROFILE = 0xBEDE
#: Profile of the two-byte header; its lowest four bits are free (RFC 8285 section 4.3).
TWO_BYTE_PROFILE = 0x1000
_TWO_BYTE_MASK = 0xFFF0


def elements(profile: int, extension: bytes) -> dict[int, bytes]:
    """Read the elements by id, the first of each; {} for another profile.

    Raises:
        MalformedError: An element is cut short.
    """
    found: dict[int, bytes] = {}
    if profile == ONE_BYTE_PROFILE:
        at = 0
        end = len(extension)
        while at < end:
            head = extension[at]
            at += 1
            if not head:
                continue
            # RFC 8285 section 4.1.2: elements are ignored from one with id 15 on (section 4.2), and
            # from one with id 0 that has a length.
            if not 0x10 <= head < 0xF0:
                break
            after = at + (head & 0x0F) + 1
            if after > end:
                raise MalformedError("an RTP header extension element is cut short", at - 1)
            found.setdefault(head >> 4, extension[at:after])
            at = after
    elif profile & _TWO_BYTE_MASK == TWO_BYTE_PROFILE:
        _two_byte_elements(extension, found)
    return found


def _two_byte_elements(extension: bytes, found: dict[int, bytes]) -> None:
    at = 0
    end = len(extension)
    while at < end:
        # RFC 8285 section 4.3: padding is one byte here too, without a length.
        if not extension[at]:
            at += 1
            continue
        if at + 2 > end:
            raise MalformedError("an RTP header extension element is cut short", at)
        after = at + 2 + extension[at + 1]
        if after > end:
            raise MalformedError("an RTP header extension element is cut short", at)
        found.setdefault(extension[at], extension[at + 2 : after])
        at = after


def write_elements(items: Iterable[tuple[int, bytes]]) -> tuple[int, bytes]:
    """Write elements as the profile and the padded extension; (0, b"") for no items.

    The one-byte form is used where all fit in it: ids up to 14, and 1 to 16 bytes each.

    Raises:
        ValueError: An id is not within 1 to 255, or a value is longer than 255 bytes.
    """
    values = tuple(items)
    if not values:
        return 0, b""
    written = bytearray()
    if all(0 < each < 15 and 0 < len(value) <= 16 for each, value in values):
        profile = ONE_BYTE_PROFILE
        for each, value in values:
            written.append(each << 4 | len(value) - 1)
            written += value
    else:
        profile = TWO_BYTE_PROFILE
        for each, value in values:
            if not 0 < each < 256 or len(value) > 255:
                raise ValueError("no header extension element has that id or length")
            written.append(each)
            written.append(len(value))
            written += value
    written += bytes(-len(written) % 4)
    return profile, bytes(written)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionIds:
    """The ids of the extensions that a session agreed on; None for others."""

    mid: int | None = None
    rid: int | None = None
    repaired_rid: int | None = None
    audio_level: int | None = None
    abs_send_time: int | None = None
    transport_cc: int | None = None
    abs_capture_time: int | None = None
    playout_delay: int | None = None

    @classmethod
    def of(cls, extensions: Iterable[HeaderExtension]) -> ExtensionIds:
        """The ids of the known ones among these extensions."""
        ids = {each.uri: each.id for each in extensions}
        return cls(
            mid=ids.get(MID),
            rid=ids.get(RID),
            repaired_rid=ids.get(REPAIRED_RID),
            audio_level=ids.get(AUDIO_LEVEL),
            abs_send_time=ids.get(ABS_SEND_TIME),
            transport_cc=ids.get(TRANSPORT_CC),
            abs_capture_time=ids.get(ABS_CAPTURE_TIME),
            playout_delay=ids.get(PLAYOUT_DELAY),
        )


def abs_send_time(seconds: Seconds) -> bytes:
    """Write a send time of any clock, in seconds, as 24 bits: 6 of seconds, 18 of fraction."""
    return (int(seconds * 0x40000) & 0xFFFFFF).to_bytes(3, "big")


def read_abs_send_time(value: bytes) -> Seconds:
    """Read an absolute send time, in seconds modulo 64.

    Raises:
        MalformedError: It has not three octets.
    """
    if len(value) != 3:
        raise MalformedError("a send time has not three octets", len(value))
    return int.from_bytes(value, "big") / 0x40000


def read_transport_sequence_number(value: bytes) -> int:
    """Read a transport-wide sequence number, 16 bits.

    Raises:
        MalformedError: It has not two octets (four in the second version of the extension).
    """
    if len(value) not in (2, 4):
        raise MalformedError("a transport-wide sequence number has not two octets", len(value))
    return value[0] << 8 | value[1]


@dataclass(frozen=True, slots=True)
class AbsoluteCaptureTime:
    """The capture time of the first frame of a packet, kept by all who forward it.

    Args:
        capture_time: By the wall clock of the capturing endpoint.
        offset: Seconds that this clock is ahead of the sender's; None where it is not said.
    """

    capture_time: UnixTime
    offset: Seconds | None = None

    @classmethod
    def parse(cls, value: bytes) -> Self:
        """Read a header extension element.

        Raises:
            MalformedError: It has neither 8 nor 16 octets.
        """
        if len(value) not in (8, 16):
            raise MalformedError("a capture time has neither 8 nor 16 octets", len(value))
        capture_time = UnixTime(from_ntp(int.from_bytes(value[:8], "big")))
        if len(value) == 8:
            return cls(capture_time)
        return cls(capture_time, int.from_bytes(value[8:], "big", signed=True) / (1 << 32))

    def write(self) -> bytes:
        """Write the element in 8 bytes, or 16 with an offset (of at most 2**31 s)."""
        written = to_ntp(self.capture_time).to_bytes(8, "big")
        if self.offset is None:
            return written
        return written + round(self.offset * (1 << 32)).to_bytes(8, "big", signed=True)


@dataclass(frozen=True, slots=True)
class PlayoutDelay:
    """The bounds of the playout delay that a sender asks for, in seconds; (0, 0): play at once.

    Args:
        minimum: Least playout delay.
        maximum: Largest playout delay.
    """

    minimum: Seconds
    maximum: Seconds

    @classmethod
    def parse(cls, value: bytes) -> Self:
        """Read a header extension element: 12 bits each, in units of 10 ms.

        Raises:
            MalformedError: It has not three octets, or the least is more than the most.
        """
        if len(value) != 3:
            raise MalformedError("a playout delay has not three octets", len(value))
        both = int.from_bytes(value, "big")
        minimum, maximum = both >> 12, both & 0xFFF
        if minimum > maximum:
            raise MalformedError("a playout delay of which the least is more than the most")
        return cls(minimum / 100, maximum / 100)

    def write(self) -> bytes:
        """Write the header extension element, within 0 to 40.95 s."""
        minimum, maximum = (
            max(0, min(round(each * 100), 0xFFF)) for each in (self.minimum, self.maximum)
        )
        return (minimum << 12 | maximum).to_bytes(3, "big")
