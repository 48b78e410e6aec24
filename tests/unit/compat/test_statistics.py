"""Statistics are aiortc's dataclasses, in aiortc's units."""

from __future__ import annotations

import datetime

from aiortc.stats import RTCRemoteInboundRtpStreamStats

from peer.compat.statistics import aiortc_report
from peer.rtp.codec_stats import CodecStats
from peer.rtp.outbound.stats import RemoteInboundRtpStats


def test_compat_statistics_count_jitter_in_clock_ticks_and_loss_in_256ths() -> None:
    codec = CodecStats(
        id="codec",
        type="codec",
        timestamp=0.0,
        payloadType=96,
        mimeType="audio/opus",
        clockRate=48_000,
        channels=2,
        sdpFmtpLine="",
    )
    remote = RemoteInboundRtpStats(
        id="remote",
        type="remote-inbound-rtp",
        timestamp=1000.0,
        ssrc=7,
        kind="audio",
        mid="0",
        localId="out",
        packetsReceived=90,
        packetsLost=10,
        fractionLost=0.25,
        jitter=0.01,
        roundTripTime=0.03,
        totalRoundTripTime=0.03,
        roundTripTimeMeasurements=1,
    )

    report = aiortc_report(
        {"codec": codec, "remote": remote}, transport_id="transport_1", owner=5, track_id="9"
    )

    assert report == {
        "remote-inbound-rtp_5": RTCRemoteInboundRtpStreamStats(
            timestamp=datetime.datetime(1970, 1, 1, 0, 0, 1, tzinfo=datetime.UTC),
            type="remote-inbound-rtp",
            id="remote-inbound-rtp_5",
            ssrc=7,
            kind="audio",
            transportId="transport_1",
            packetsReceived=90,
            packetsLost=10,
            jitter=480,
            roundTripTime=0.03,
            fractionLost=64,
        )
    }
