"""Counters of one outgoing RTP stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.times import Seconds


@dataclass(slots=True)
class SendStreamCounters:
    """Counts packets, frames and retransmissions of one outgoing stream.

    Args:
        packets: Packets sent, without retransmissions.
        octets: Octets of payload in `packets`.
        header_octets: Octets of RTP headers and extensions in `packets`.
        frames: Frames whose first packet was sent.
        retransmitted_packets: Retransmissions sent, by RTX or as the original packet.
        retransmitted_octets: Octets of payload in `retransmitted_packets`.
        padding_octets: Octets in `retransmitted_octets` that nobody asked for: padding.
        dropped_frames: Frames that waited too long in the pacer, and frames that could not be
            decoded without them.
        nacks: NACK packets received.
        refused_retransmissions: Packets asked for and not sent again: too old, asked for too soon
            after the last retransmission, or beyond the retransmission budget.
        send_delay: Seconds that packets waited in the pacer, summed over `packets`.
    """

    packets: int = 0
    octets: int = 0
    header_octets: int = 0
    frames: int = 0
    retransmitted_packets: int = 0
    retransmitted_octets: int = 0
    padding_octets: int = 0
    dropped_frames: int = 0
    nacks: int = 0
    refused_retransmissions: int = 0
    send_delay: Seconds = 0.0
