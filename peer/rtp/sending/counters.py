"""Owns what one stream of a sender counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class SendStreamCounters:
    """What was sent of one stream.

    Args:
        packets: Without retransmissions.
        octets: Of payload in `packets`.
        header_octets: Of RTP headers and extensions in `packets`.
        frames: Whose first packet was sent.
        retransmitted_packets: As RTX or as they were.
        retransmitted_octets: Of payload in `retransmitted_packets`.
        dropped_frames: That the pacer held for too long, and those that could not be decoded
            without them.
        nacks: NACK packets taken.
        refused_repairs: Packets that were asked for and not sent again: too old, asked for too
            soon after they were repaired, or more than the rate allows.
        send_delay: Seconds that the packets sent waited in the pacer, summed over packets.
    """

    packets: int = 0
    octets: int = 0
    header_octets: int = 0
    frames: int = 0
    retransmitted_packets: int = 0
    retransmitted_octets: int = 0
    dropped_frames: int = 0
    nacks: int = 0
    refused_repairs: int = 0
    send_delay: float = 0.0
