"""RTP header extensions with their elements on the wire (RFC 8285), ids and values. PURE."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from peer.rtp.malformed import MalformedError
from peer.rtp.rtcp.ntp import from_ntp, to_ntp
from peer.times import UnixTime

if TYPE_CHECKING:
    from peer.rtp_parameters import HeaderExtension
    from peer.times import Seconds

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
