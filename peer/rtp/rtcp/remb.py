"""REMB packets of RTCP (draft-alvestrand-rmcat-remb-03 section 2)."""

from __future__ import annotations

from struct import Struct
from typing import Self

from peer.rtp.malformed import MalformedError
from peer.rtp.rtcp.feedback import unpack_ssrcs
from peer.rtp.rtcp.header import FEEDBACK_SSRCS, PacketType, PayloadFeedbackType, pack_packet
from peer.values import dataclass

#: Unique identifier of REMB among application layer feedback (section 2.2).
IDENTIFIER = b"REMB"
#: Streams that one packet has room for: eight bits (section 2.2).
SSRCS_LIMIT = 255

_START = FEEDBACK_SSRCS.size + len(IDENTIFIER)
_RATE = Struct("!I")
#: Bits of the mantissa of the bitrate (section 2.2).
_MANTISSA_BITS = 18
#: Largest exponent of the bitrate: six bits (section 2.2).
_EXPONENT_LIMIT = 63


def is_remb(body: bytes) -> bool:
    """Return True where application layer feedback is a REMB."""
    return body[FEEDBACK_SSRCS.size : _START] == IDENTIFIER


@dataclass(frozen=True, slots=True)
class ReceiverEstimatedMaximumBitrate:
    """A REMB tells the bitrate that a receiver estimates to be available.

    Args:
        sender_ssrc: SSRC of the packet sender.
        bitrate: Bitrate of all streams together in bits/s; 18 bits of it are written.
        ssrcs: SSRCs of the streams, at most 255.
    """

    sender_ssrc: int
    bitrate: int
    ssrcs: tuple[int, ...]

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Parse the octets after the header."""
        sender_ssrc, _ = unpack_ssrcs(body)
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
        """Write the packet as on the wire; the bitrate is rounded down to 18 bits and an exponent.

        Raises:
            ValueError: The bitrate is below 0 or beyond 81 bits, or there are more than 255 SSRCs.
        """
        exponent = max(self.bitrate.bit_length() - _MANTISSA_BITS, 0)
        count = len(self.ssrcs)
        if self.bitrate < 0 or exponent > _EXPONENT_LIMIT or count > SSRCS_LIMIT:
            raise ValueError("that does not fit in one REMB")
        word = count << 24 | exponent << _MANTISSA_BITS | self.bitrate >> exponent
        # Section 2.2: the SSRC of the media source is always 0.
        body = FEEDBACK_SSRCS.pack(self.sender_ssrc, 0) + IDENTIFIER + _RATE.pack(word)
        body += Struct(f"!{count}I").pack(*self.ssrcs)
        return pack_packet(
            body, packet_type=PacketType.PAYLOAD_FEEDBACK, count=PayloadFeedbackType.APPLICATION
        )
