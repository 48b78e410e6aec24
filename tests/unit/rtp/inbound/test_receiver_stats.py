"""The W3C statistics of a receiver, with a real decoder."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from peer.rtp.codec_stats import CodecStats, codec_stats
from peer.rtp.codecs import VideoEncoder
from peer.rtp.formats import format_of
from peer.rtp.inbound.control import ReceiverControl
from peer.rtp.inbound.stats import InboundRtpStats, RemoteOutboundRtpStats
from peer.rtp.packet import PLAYOUT_DELAY, PlayoutDelay, RtpPacket
from peer.rtp.rtcp import SenderReport, to_ntp
from peer.rtp_parameters import Codec, HeaderExtension, MediaKind
from tests.support.media.encoded_frames import OPUS
from tests.support.media.frames import flat_picture
from tests.support.rtp.media_packets import VP8, FakeEngine, VideoPackets, receiving

if TYPE_CHECKING:
    from av import VideoFrame

    from peer.rtp.inbound.receiver import RtpReceiver
    from peer.rtp.stats import RtpStatsReport

TIMEOUT = 20.0
DELAY_ID = 6
RTX = Codec(
    kind=MediaKind.VIDEO,
    name="rtx",
    payload_type=98,
    clock_rate=90_000,
    parameters=(("apt", "97"),),
)


def started() -> tuple[ReceiverControl, FakeEngine]:
    engine = FakeEngine(time.monotonic())
    control = ReceiverControl(MediaKind.VIDEO)
    delay = HeaderExtension(DELAY_ID, PLAYOUT_DELAY)
    control.start(engine, replace(receiving(VP8, RTX, mid="3"), extensions=(delay,)), 99)
    return control, engine


def packets_of(count: int) -> list[list[RtpPacket]]:
    """Real pictures of 64 by 48, each as its packets."""
    encoder, form = VideoEncoder(VP8), format_of(VP8)
    found, number = [], 0
    for index in range(count):
        frame = flat_picture(64, 48, luma=100 + index, pts=3000 * index)
        for picture in encoder.encode(frame, keyframe=index == 0):
            payloads = form.packetize(picture.payload, keyframe=picture.keyframe, limit=1200)
            packets = [
                RtpPacket(
                    payload_type=VP8.payload_type,
                    marker=payload is payloads[-1],
                    sequence_number=number + at,
                    timestamp=3000 * index,
                    ssrc=1,
                    payload=payload,
                )
                for at, payload in enumerate(payloads)
            ]
            number += len(packets)
            found.append(packets)
    return found


async def read_of(
    receiver: RtpReceiver,
    engine: FakeEngine,
    count: int,
    elements: dict[int, bytes] | None = None,
) -> list[VideoFrame]:
    """So many pictures, sent and decoded."""

    async def read() -> list[VideoFrame]:
        return [await receiver.track.recv() for _ in range(count)]  # type: ignore[misc]  # pictures

    reading = asyncio.ensure_future(read())
    await asyncio.wait([reading], timeout=0)
    for packets in packets_of(count):
        engine.now = time.monotonic()
        engine.feed(packets, elements)
    return await asyncio.wait_for(reading, TIMEOUT)


def only(report: RtpStatsReport) -> InboundRtpStats:
    (found,) = (each for each in report.values() if isinstance(each, InboundRtpStats))
    return found


def least_delay(report: RtpStatsReport) -> float:
    """What each frame was meant to wait, on average."""
    stats = only(report)
    return stats.jitterBufferTargetDelay / stats.jitterBufferEmittedCount


async def test_receiver_has_no_stats_before_start_and_after_end() -> None:
    assert await ReceiverControl(MediaKind.VIDEO).receiver.getStats() == {}
    control, engine = started()
    engine.feed(VideoPackets().frame(keyframe=True))
    await control.stop()
    assert await control.receiver.getStats() == {}


async def test_stats_count_decoded_video_frames() -> None:
    control, engine = started()
    pictures = await read_of(control.receiver, engine, 10)
    assert [(each.pts, each.time_base) for each in pictures] == [
        (3000 * index, Fraction(1, 90_000)) for index in range(10)
    ]
    stats = only(await control.receiver.getStats())
    assert (stats.framesReceived, stats.framesDecoded, stats.keyFramesDecoded) == (10, 10, 1)
    assert (stats.frameWidth, stats.frameHeight, stats.framesDropped) == (64, 48, 0)
    assert stats.totalDecodeTime > 0
    assert stats.jitterBufferEmittedCount == 10
    assert stats.trackIdentifier == control.receiver.track.id
    await control.stop()


async def test_jitter_buffer_target_raises_target_delay_in_stats() -> None:
    control, engine = started()
    control.receiver.jitterBufferTarget = 100
    await read_of(control.receiver, engine, 2)
    assert least_delay(await control.receiver.getStats()) >= 0.1
    await control.stop()


async def test_playout_delay_extension_raises_target_delay_in_stats() -> None:
    control, engine = started()
    await read_of(control.receiver, engine, 2, {DELAY_ID: PlayoutDelay(0.1, 0.5).write()})
    assert least_delay(await control.receiver.getStats()) >= 0.1
    await control.stop()


async def test_decoder_thread_is_gone_when_stop_returns() -> None:
    control, engine = started()
    await asyncio.to_thread(lambda: None)
    before = threading.active_count()
    await read_of(control.receiver, engine, 2)
    during = threading.active_count()
    await control.stop()
    assert (during, threading.active_count()) == (before + 1, before)


async def test_stats_count_frames_that_were_not_decoded() -> None:
    control, engine = started()
    source = VideoPackets()
    for number in range(5):
        engine.feed(source.frame(keyframe=number == 0))
    stats = only(await control.receiver.getStats())
    assert (stats.packetsReceived, stats.bytesReceived) == (10, 10 * 1001)
    assert (stats.framesReceived, stats.framesDecoded, stats.framesDropped) == (5, 0, 0)
    assert (stats.packetsLost, stats.packetsDiscarded, stats.nackCount) == (0, 0, 0)
    assert (stats.ssrc, stats.kind, stats.mid, stats.type) == (1, "video", "3", "inbound-rtp")
    assert (stats.rtxSsrc, stats.audioLevel, stats.frameWidth) == (None, None, None)
    now = time.time() * 1000
    assert stats.lastPacketReceivedTimestamp == pytest.approx(now, abs=TIMEOUT * 1000)
    await control.stop()


async def test_stats_count_retransmissions_with_their_media() -> None:
    control, engine = started()
    source = VideoPackets()
    engine.feed(source.frame(keyframe=True))
    first, second = source.frame()
    engine.feed([second])
    original = first.sequence_number.to_bytes(2, "big")
    engine.feed(
        [
            RtpPacket(
                payload_type=RTX.payload_type,
                sequence_number=1,
                timestamp=first.timestamp,
                ssrc=77,
                payload=original + first.payload,
            )
        ]
    )
    stats = only(await control.receiver.getStats())
    assert (stats.rtxSsrc, stats.retransmittedPacketsReceived) == (77, 1)
    assert stats.retransmittedBytesReceived == len(first.payload) + 2
    assert stats.framesReceived == 2
    await control.stop()


async def test_stats_name_codec() -> None:
    control, engine = started()
    engine.feed(VideoPackets().frame(keyframe=True))
    report = await control.receiver.getStats()
    codec = report[only(report).codecId or ""]
    assert isinstance(codec, CodecStats)
    assert (codec.mimeType, codec.payloadType, codec.clockRate) == ("video/VP8", 97, 90_000)
    await control.stop()


async def test_stats_have_last_sender_report() -> None:
    control, engine = started()
    engine.feed(VideoPackets().frame(keyframe=True))
    engine.receive_rtcp(SenderReport(1, to_ntp(1_000_000.5), 0, 12, 3456))
    found = [
        each
        for each in (await control.receiver.getStats()).values()
        if isinstance(each, RemoteOutboundRtpStats)
    ]
    (remote,) = found
    assert (remote.ssrc, remote.packetsSent, remote.bytesSent) == (1, 12, 3456)
    assert remote.remoteTimestamp == pytest.approx(1_000_000_500.0, abs=1)
    await control.stop()


async def test_sender_reports_of_many_ssrcs_are_bounded() -> None:
    control, engine = started()
    for ssrc in range(100):
        engine.receive_rtcp(SenderReport(ssrc, to_ntp(1e9), 0, 1, 1))
    assert len(await control.receiver.getStats()) <= 16
    await control.stop()


def test_codec_stats_have_fmtp_line_of_description() -> None:
    codec = replace(OPUS, parameters=(("minptime", "10"), ("useinbandfec", "1"), ("x", None)))
    stats = codec_stats(codec, mid="0", direction="inbound", timestamp=1.0)
    assert stats.sdpFmtpLine == "minptime=10;useinbandfec=1;x"
    assert (stats.type, stats.channels, stats.id) == ("codec", 2, "codec-inbound-0-96")
