"""Statistics of a connection as aiortc's dataclasses."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from aiortc.stats import (
    RTCInboundRtpStreamStats,
    RTCOutboundRtpStreamStats,
    RTCRemoteInboundRtpStreamStats,
    RTCRemoteOutboundRtpStreamStats,
    RTCStatsReport,
)

from peer.rtp.codec_stats import CodecStats
from peer.rtp.inbound.stats import InboundRtpStats, RemoteOutboundRtpStats
from peer.rtp.outbound.stats import OutboundRtpStats, RemoteInboundRtpStats

if TYPE_CHECKING:
    from aiortc.stats import RTCStats

    from peer.rtp.stats import RtpStats, RtpStatsReport

#: The clock rate of a stream whose codec is not known, in Hz: that of video (RFC 3551 section 5).
_CLOCK_RATE = 90_000


def aiortc_report(
    ours: RtpStatsReport, *, transport_id: str, owner: int, track_id: str
) -> RTCStatsReport:
    """Return those entries of a sender or a receiver of ours that aiortc has.

    Args:
        ours: The entries of ours; those on codecs and sources are left out.
        transport_id: Id of the entry on the transport.
        owner: Number of the sender or receiver, which aiortc's ids have.
        track_id: Value of `trackId`.
    """
    report = RTCStatsReport()
    rates = [each.clockRate for each in ours.values() if isinstance(each, CodecStats)]
    for entry in ours.values():
        found = _translated(
            entry,
            transport_id=transport_id,
            owner=owner,
            track_id=track_id,
            clock_rate=next(iter(rates), _CLOCK_RATE),
        )
        if found is not None:
            report.add(found)
    return report


def _translated(
    entry: RtpStats, *, transport_id: str, owner: int, track_id: str, clock_rate: int
) -> RTCStats | None:
    timestamp = _date(entry.timestamp)
    name = f"{entry.type}_{owner}"
    match entry:
        case InboundRtpStats():
            return RTCInboundRtpStreamStats(
                timestamp=timestamp,
                type=entry.type,
                id=name,
                ssrc=entry.ssrc,
                kind=entry.kind,
                transportId=transport_id,
                packetsReceived=entry.packetsReceived,
                packetsLost=entry.packetsLost,
                # aiortc gives RTP timestamp units, as they are on the wire.
                jitter=int(entry.jitter * clock_rate),
            )
        case OutboundRtpStats():
            return RTCOutboundRtpStreamStats(
                timestamp=timestamp,
                type=entry.type,
                id=name,
                ssrc=entry.ssrc,
                kind=entry.kind,
                transportId=transport_id,
                packetsSent=entry.packetsSent,
                bytesSent=entry.bytesSent,
                trackId=track_id,
            )
        case RemoteInboundRtpStats():
            return RTCRemoteInboundRtpStreamStats(
                timestamp=timestamp,
                type=entry.type,
                id=name,
                ssrc=entry.ssrc,
                kind=entry.kind,
                transportId=transport_id,
                packetsReceived=entry.packetsReceived,
                packetsLost=entry.packetsLost,
                jitter=int(entry.jitter * clock_rate),
                # None before a measurement, as aiortc has it there, whatever its annotation says.
                roundTripTime=entry.roundTripTime,  # type: ignore[arg-type]  # None, as in aiortc
                # aiortc gives the octet on the wire (RFC 3550 section 6.4.1).
                fractionLost=int(entry.fractionLost * 256),
            )
        case RemoteOutboundRtpStats():
            return RTCRemoteOutboundRtpStreamStats(
                timestamp=timestamp,
                type=entry.type,
                id=name,
                ssrc=entry.ssrc,
                kind=entry.kind,
                transportId=transport_id,
                packetsSent=entry.packetsSent,
                bytesSent=entry.bytesSent,
                remoteTimestamp=_date(entry.remoteTimestamp),
            )
        case _:
            return None


def _date(milliseconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(milliseconds / 1000, tz=datetime.UTC)
