"""Owns what of the parameters of a sender decides the packets of its stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from peer.rtp.header_extensions import ExtensionIds
from peer.rtp_parameters import Feedback, SendParameters

_NACK = Feedback("nack")


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpStreamConfig:
    """How the packets of one stream are made.

    Args:
        payload_type: Of the codec.
        clock_rate: In hertz.
        mid: Of the m-section, as it is written.
        ids: Of the header extensions.
        repaired: Whether the peer may ask for packets again.
        rtx_payload_type: Of the codec's retransmissions; None where they are sent as they were.
    """

    payload_type: int
    clock_rate: int
    mid: bytes
    ids: ExtensionIds
    repaired: bool
    rtx_payload_type: int | None

    @classmethod
    def of(cls, parameters: SendParameters) -> Self:
        """What the parameters say of their first codec."""
        codec = parameters.codecs[0]
        rtx = (each for each in parameters.codecs if each.is_rtx)
        return cls(
            payload_type=codec.payload_type,
            clock_rate=codec.clock_rate,
            mid=parameters.mid.encode(),
            ids=ExtensionIds.of(parameters.extensions),
            repaired=_NACK in codec.feedback,
            rtx_payload_type=next(
                (each.payload_type for each in rtx if each.apt == codec.payload_type), None
            ),
        )
