"""Configuration of one outgoing RTP stream, derived from the parameters of its sender. PURE."""

from __future__ import annotations

from typing import Self

from peer.rtp.packet import ExtensionIds
from peer.rtp_parameters import Feedback, SendParameters
from peer.values import dataclass

_NACK = Feedback("nack")


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpStreamConfig:
    """Negotiated values that the packets of one stream depend on.

    Args:
        payload_type: Payload type of the codec.
        clock_rate: Clock rate of the codec in Hz.
        mid: MID of the m-section, as on the wire.
        ids: Ids of the header extensions.
        uses_nack: Whether the peer may ask for retransmissions.
        red_payload_type: Payload type of redundant data (RFC 2198); None to send without.
        uses_rids: Whether packets say the RID of their stream, where it has one.
        rtx_payload_type: Payload type of RTX for the codec; None to retransmit without RTX.
    """

    payload_type: int
    clock_rate: int
    mid: bytes
    ids: ExtensionIds
    uses_nack: bool
    rtx_payload_type: int | None
    red_payload_type: int | None = None
    uses_rids: bool = False

    @property
    def keeps_packets(self) -> bool:
        """True where packets are retransmitted as they were: the peer asks, and there is no RTX."""
        return self.uses_nack and self.rtx_payload_type is None

    @classmethod
    def of(cls, parameters: SendParameters) -> Self:
        """Derive the configuration from the first codec of a sender's parameters."""
        codec = parameters.codecs[0]
        rtx = (each for each in parameters.codecs if each.is_rtx)
        return cls(
            payload_type=codec.payload_type,
            clock_rate=codec.clock_rate,
            mid=parameters.mid.encode(),
            ids=ExtensionIds.of(parameters.extensions),
            uses_nack=_NACK in codec.feedback,
            rtx_payload_type=next(
                (each.payload_type for each in rtx if each.apt == codec.payload_type), None
            ),
            red_payload_type=None if parameters.red is None else parameters.red.payload_type,
            uses_rids=parameters.uses_rids,
        )
