"""Owns the receiver's estimate of the bitrate (draft-alvestrand-rmcat-remb-03 section 2)."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Self

from peer.rtp.malformed import MalformedError
from peer.rtp.rtcp.feedback import about
from peer.rtp.rtcp.header import ABOUT, PacketType, PayloadFormat, packed

#: What tells this from other application layer feedback.
IDENTIFIER = b"REMB"
#: How many streams one packet has room for (eight bits).
SSRCS_LIMIT = 255

_START = ABOUT.size + len(IDENTIFIER)
_RATE = Struct("!I")
_MANTISSA_BITS = 18
_EXPONENT_LIMIT = 63


def is_remb(body: bytes) -> bool:
    """Whether application layer feedback is this one."""
    return body[ABOUT.size : _START] == IDENTIFIER


@dataclass(frozen=True, slots=True)
class ReceiverEstimatedMaximumBitrate:
    """How much the receiver believes it can take.

    Args:
        sender_ssrc: Of who estimates.
        bitrate: In bits a second, of all the streams together; 18 bits of it are written.
        ssrcs: The streams that it concerns, at most 255.
    """

    sender_ssrc: int
    bitrate: int
    ssrcs: tuple[int, ...]

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read what follows the header."""
        sender_ssrc, _ = about(body)
        if len(body) < _START + _RATE.size:
            raise MalformedError("a REMB is cut short", len(body))
        (word,) = _RATE.unpack_from(body, _START)
        count = word >> 24
        at = _START + _RATE.size
        if at + 4 * count > len(body):
            raise MalformedError("a REMB ends within its streams", len(body))
        bitrate = (word & 0x3FFFF) << (word >> _MANTISSA_BITS & _EXPONENT_LIMIT)
        return cls(sender_ssrc, bitrate, Struct(f"!{count}I").unpack_from(body, at))

    def write(self) -> bytes:
        """The packet for the wire; the bitrate is rounded down to what can be written.

        Raises:
            ValueError: The bitrate is below 0 or beyond 81 bits, or there are more than 255 SSRCs.
        """
        exponent = max(self.bitrate.bit_length() - _MANTISSA_BITS, 0)
        count = len(self.ssrcs)
        if self.bitrate < 0 or exponent > _EXPONENT_LIMIT or count > SSRCS_LIMIT:
            raise ValueError("that does not fit in one REMB")
        word = count << 24 | exponent << _MANTISSA_BITS | self.bitrate >> exponent
        # Section 2.2: the SSRC of the media source is always 0.
        body = ABOUT.pack(self.sender_ssrc, 0) + IDENTIFIER + _RATE.pack(word)
        body += Struct(f"!{count}I").pack(*self.ssrcs)
        return packed(PacketType.PAYLOAD_FEEDBACK, PayloadFormat.APPLICATION, body)
