"""Parses and writes RTP packets (RFC 3550 section 5). PURE."""

from __future__ import annotations

import struct
from struct import Struct

from peer.rtp.malformed import MalformedError

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
