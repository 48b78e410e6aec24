"""Settings of an SCTP association: its timers and its bounds. PURE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.times import Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class SctpSettings:
    """Timers and bounds of one association (RFC 9260 section 16 has those of the RFC).

    Args:
        port: SCTP port of both ends (RFC 8841 section 5.1).
        window: Bytes of user data kept for the peer, as they are announced (`a_rwnd`).
        streams: Outgoing streams that are asked for, and incoming ones that are taken.
        tsns_ahead: TSNs that may be under way beyond the cumulative one, ours and the peer's.
        held: Fragments and messages kept for reassembly; beyond, the association is aborted.
        gap_blocks: Gap blocks of one SACK, so that it fits into a packet.
        duplicates: TSNs that a SACK reports as received twice.
        forward_streams: Streams that one FORWARD TSN names, so that it fits into a packet.
        packet: Bytes of the largest SCTP packet that is sent.
        initial_window: Packets of the first congestion window (RFC 6928).
        rto_initial: Retransmission time-out before there is a measurement.
        rto_min: Least retransmission time-out.
        rto_max: Greatest retransmission time-out.
        sack_delay: Seconds for which a SACK may wait (RFC 9260 section 6.2).
        attempts: Time-outs in a row, after which the peer counts as gone.
    """

    port: int = 5000
    window: int = 1024 * 1024
    streams: int = 65_535
    tsns_ahead: int = 4096
    held: int = 8192
    gap_blocks: int = 256
    duplicates: int = 32
    forward_streams: int = 256
    packet: int = 1188
    initial_window: int = 10
    rto_initial: Seconds = 0.5
    rto_min: Seconds = 0.2
    rto_max: Seconds = 10.0
    sack_delay: Seconds = 0.1
    attempts: int = 30
