"""Real frames through real codecs, from a sender to a receiver over an in-memory link."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from aiortc.rtp import RtcpRtpfbPacket, RtpPacket, is_rtcp
from av import AudioFrame, VideoFrame

from media.planes import planes
from peer.rtp.receiver import RtpReceiver
from peer.rtp.sender import RtpSender
from peer.rtp.stats import (
    InboundRtpStats,
    OutboundRtpStats,
    RemoteInboundRtpStats,
    RemoteOutboundRtpStats,
    RtpStatsReport,
)
from peer.rtp.tracks import MediaStreamError
from peer.rtp_parameters import MediaKind
from tests.support.clock import Clock
from tests.support.frames import SAMPLE_RATE, flat_picture, tone
from tests.support.media_link import LinkEnd, media_link
from tests.support.rtp import PushTrack, receiving, sending

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

AUDIO, VIDEO = MediaKind.AUDIO, MediaKind.VIDEO
STEP = 3000


class Studio:
    """A link with senders on its left and receivers on its right, all stopped at the end."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.left, self.right = media_link(self.clock)
        self.halves: list[RtpSender | RtpReceiver] = []

    def sender(
        self, kind: MediaKind, *names: str, mid: str = "0", track: PushTrack | None = None
    ) -> RtpSender:
        sender = RtpSender(kind, track, clock=self.clock)
        self.halves.append(sender)
        sender.start(self.left.face, sending(kind, *names, mid=mid))
        return sender

    def receiver(self, kind: MediaKind, *names: str, mid: str = "0") -> RtpReceiver:
        receiver = RtpReceiver(kind)
        self.halves.append(receiver)
        receiver.start(self.right.face, receiving(kind, *names, mid=mid), 4242)
        return receiver

    async def close(self) -> None:
        await asyncio.gather(*(half.stop() for half in self.halves))
        for end in (self.left, self.right):
            await end.engine.close()


@pytest.fixture
async def studio() -> AsyncIterator[Studio]:
    studio = Studio()
    yield studio
    await studio.close()


def pictures(count: int, *, luma: int = 100, first: int = 0) -> list[VideoFrame]:
    return [flat_picture(64, 48, luma=luma, pts=STEP * (first + i)) for i in range(count)]


def sound(pitch: float, seconds: float) -> list[AudioFrame]:
    whole = tone(pitch, seconds).to_ndarray().astype(np.int16).reshape(-1, 960 * 2)
    frames = []
    for index, samples in enumerate(whole):
        frame = AudioFrame.from_ndarray(samples[None, :], format="s16", layout="stereo")
        frame.sample_rate, frame.pts = SAMPLE_RATE, 960 * index
        frame.time_base = Fraction(1, SAMPLE_RATE)
        frames.append(frame)
    return frames


async def seen(receiver: RtpReceiver, count: int) -> list[tuple[int, int]]:
    """Brightness and time of the next pictures."""
    found = []
    for _ in range(count):
        frame = await receiver.track.recv()
        assert isinstance(frame, VideoFrame)
        assert frame.pts is not None
        found.append((round(float(planes(frame).y.mean())), frame.pts))
    return found


async def heard(receiver: RtpReceiver, count: int) -> list[AudioFrame]:
    frames = [await receiver.track.recv() for _ in range(count)]
    return [frame for frame in frames if isinstance(frame, AudioFrame)]


async def until_seen(receiver: RtpReceiver, luma: int) -> tuple[int, int]:
    while True:
        ((found, pts),) = await seen(receiver, 1)
        if abs(found - luma) < 12:
            return found, pts


def rtp_sent(end: LinkEnd, *, ssrc: int | None = None) -> list[RtpPacket]:
    packets = [RtpPacket.parse(data) for data in end.wire.sent if not is_rtcp(data)]
    return [packet for packet in packets if ssrc in (None, packet.ssrc)]


async def condition(holds: Callable[[], bool]) -> None:
    """Wait, turn by turn of the loop, for what the test itself has set in motion."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(20):
        while not holds():
            turn = loop.create_future()
            loop.call_later(0.001, turn.set_result, None)
            await turn


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_two_videos_without_announced_ssrcs_arrive_each_at_its_mid(
    studio: Studio, codec: str
) -> None:
    receivers = [studio.receiver(VIDEO, codec, mid=mid) for mid in "ab"]
    for mid, luma in (("b", 200), ("a", 60)):
        track = PushTrack(VIDEO)
        track.push(*pictures(8, luma=luma))
        studio.sender(VIDEO, codec, mid=mid, track=track)
    dark, bright = [await seen(receiver, 5) for receiver in receivers]
    assert max(luma for luma, _ in dark) < 100 < min(luma for luma, _ in bright)
    assert [pts for _, pts in dark] == pytest.approx([STEP * i for i in range(5)], abs=1)
    assert studio.right.engine.counters.unknown == 0


@pytest.mark.parametrize("codec", ["opus", "PCMU", "PCMA", "G722"])
async def test_tone_arrives_with_its_pitch(studio: Studio, codec: str) -> None:
    receiver = studio.receiver(AUDIO, codec)
    track = PushTrack(AUDIO)
    track.push(*sound(440, 1.0))
    studio.sender(AUDIO, codec, track=track)
    frames = (await heard(receiver, 40))[10:]
    samples = np.concatenate(
        [f.to_ndarray().reshape(-1, len(f.layout.channels))[:, 0] for f in frames]
    )
    rate = frames[0].sample_rate
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    assert abs(int(spectrum.argmax()) * rate / len(samples) - 440) < 5


async def test_replaced_track_continues_the_stream(studio: Studio) -> None:
    receiver = studio.receiver(VIDEO, "VP8")
    first, second = PushTrack(VIDEO), PushTrack(VIDEO)
    sender = studio.sender(VIDEO, "VP8", track=first)
    first.push(*pictures(5, luma=60, first=100))
    before = await seen(receiver, 4)
    studio.clock.advance(2.0)
    second.push(*pictures(5, luma=200, first=7))
    await sender.replaceTrack(second)
    _, pts = await until_seen(receiver, 200)
    # 2 s after the first picture before, as the clock says.
    assert pts == pytest.approx(before[0][1] + 180_000, abs=1)
    packets = rtp_sent(studio.left)
    assert {packet.ssrc for packet in packets} == {sender.ssrc}
    numbers = [packet.sequence_number for packet in packets]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert first.readyState == "live"


async def test_track_that_fails_leaves_a_sender_that_takes_the_next(
    studio: Studio, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = studio.receiver(VIDEO, "VP8")
    broken = PushTrack(VIDEO)
    broken.push(RuntimeError("the camera fell off"))
    sender = studio.sender(VIDEO, "VP8", track=broken)
    await condition(lambda: "the camera fell off" in caplog.text)
    assert sender.track is broken
    track = PushTrack(VIDEO)
    track.push(*pictures(4, luma=120))
    await sender.replaceTrack(track)
    await until_seen(receiver, 120)


async def test_frame_that_cannot_be_encoded_costs_itself_only(
    studio: Studio, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = studio.receiver(VIDEO, "H264")
    track = PushTrack(VIDEO)
    sender = studio.sender(VIDEO, "H264", track=track)
    # x264 cannot halve an odd size.
    track.push(flat_picture(63, 47, pts=0), *pictures(5, luma=120, first=1))
    await until_seen(receiver, 120)
    assert "could not be encoded" in caplog.text
    assert sender.started


async def test_codec_changes_while_the_stream_goes_on(studio: Studio) -> None:
    receiver = studio.receiver(VIDEO, "VP8", "H264")
    track = PushTrack(VIDEO)
    sender = studio.sender(VIDEO, "VP8", track=track)
    track.push(*pictures(5, luma=60))
    await seen(receiver, 4)
    studio.clock.advance(1.0)
    sender.update(sending(VIDEO, "H264", "VP8"))
    track.push(*pictures(8, luma=200, first=30))
    await until_seen(receiver, 200)
    packets = rtp_sent(studio.left, ssrc=sender.ssrc)
    vp8, h264 = (sending(VIDEO, name).codecs[0].payload_type for name in ("VP8", "H264"))
    types = [packet.payload_type for packet in packets]
    assert types == sorted(types, key=(vp8, h264).index)
    assert set(types) == {vp8, h264}
    numbers = [packet.sequence_number for packet in packets]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_audio_codec_changes_while_the_stream_goes_on(studio: Studio) -> None:
    receiver = studio.receiver(AUDIO, "opus", "PCMU")
    track = PushTrack(AUDIO)
    sender = studio.sender(AUDIO, "PCMU", track=track)
    frames = sound(440, 1.0)
    track.push(*frames[:15])
    before = await heard(receiver, 8)
    studio.clock.advance(1.0)
    sender.update(sending(AUDIO, "opus", "PCMU"))
    track.push(*frames[15:])
    frame = before[-1]
    while frame.sample_rate != 48_000:
        (frame,) = await heard(receiver, 1)
    assert frame.pts is not None
    assert before[-1].pts is not None
    assert frame.pts / 48_000 > before[-1].pts / 8_000
    packets = rtp_sent(studio.left, ssrc=sender.ssrc)
    opus = next(packet for packet in packets if packet.payload_type == 96)
    # 15 frames of 20 ms were pushed before, of which the last may have waited for the change.
    seconds = (opus.timestamp - packets[0].timestamp) % 2**32 / 48_000
    assert seconds == pytest.approx(0.3, abs=0.05)


async def test_pause_sends_nothing_and_resumes_with_a_whole_picture(studio: Studio) -> None:
    receiver = studio.receiver(VIDEO, "VP8")
    track = PushTrack(VIDEO)
    sender = studio.sender(VIDEO, "VP8", track=track)
    track.push(*pictures(5, luma=60))
    await seen(receiver, 4)
    sender.update(None)
    receiver.update(None)
    sent = len(rtp_sent(studio.left))
    track.push(*pictures(5, luma=90, first=5))
    await condition(track.items.empty)
    assert len(rtp_sent(studio.left)) == sent
    sender.update(sending(VIDEO, "VP8"))
    receiver.update(receiving(VIDEO, "VP8"))
    track.push(*pictures(5, luma=200, first=20))
    await until_seen(receiver, 200)
    first = rtp_sent(studio.left)[sent]
    # RFC 7741 section 4.3: the P bit of the VP8 payload header is 0 in a key frame.
    assert first.payload[4] & 1 == 0


async def test_ssrc_that_changes_is_followed(studio: Studio) -> None:
    receiver = studio.receiver(VIDEO, "VP8")
    track = PushTrack(VIDEO)
    track.push(*pictures(5, luma=60, first=1000))
    former = studio.sender(VIDEO, "VP8", track=track)
    before = await seen(receiver, 4)
    await former.stop()
    studio.clock.advance(1.0)
    track = PushTrack(VIDEO)
    track.push(*pictures(5, luma=200))
    studio.sender(VIDEO, "VP8", track=track)
    _, pts = await until_seen(receiver, 200)
    assert before[-1][1] < pts <= before[-1][1] + 90_000 + STEP


async def test_sequence_numbers_of_another_stream_may_be_any(studio: Studio) -> None:
    receiver = studio.receiver(VIDEO, "VP8")
    track = PushTrack(VIDEO)
    track.push(*pictures(5, luma=60))
    studio.sender(VIDEO, "VP8", track=track)
    await seen(receiver, 4)
    last = rtp_sent(studio.left)[-1].sequence_number
    elsewhere = Studio()
    track = PushTrack(VIDEO)
    track.push(*pictures(5, luma=200))
    elsewhere.sender(VIDEO, "VP8", track=track)
    await condition(lambda: len(rtp_sent(elsewhere.left)) == 5)
    studio.clock.advance(1.0)
    for index, packet in enumerate(rtp_sent(elsewhere.left)):
        # Just before those of the former stream, where they would pass for stragglers.
        packet.sequence_number = (last - 20 + index) % 2**16
        packet.extensions.mid = None
        studio.right.engine.on_rtp(packet.serialize(), studio.clock())
    await until_seen(receiver, 200)
    await elsewhere.close()


async def test_bye_does_not_end_the_track(studio: Studio) -> None:
    receiver = studio.receiver(VIDEO, "VP8")
    track = PushTrack(VIDEO)
    track.push(*pictures(3))
    former = studio.sender(VIDEO, "VP8", track=track)
    await seen(receiver, 2)
    await former.stop()
    await condition(lambda: studio.right.engine.counters.rtcp > 0)
    assert receiver.track.readyState == "live"


async def test_lost_packets_are_sent_again_though_no_rtx_stream_was_announced(
    studio: Studio,
) -> None:
    receiver = studio.receiver(VIDEO, "VP8")
    track = PushTrack(VIDEO)
    sender = studio.sender(VIDEO, "VP8", track=track)
    counts: Counter[int] = Counter()

    def keep(packet: bytes) -> bool:
        if is_rtcp(packet):
            return True
        ssrc = RtpPacket.parse(packet).ssrc
        counts[ssrc] += 1
        return ssrc != sender.ssrc or counts[ssrc] % 4 != 2

    studio.left.wire.keep = keep
    track.push(*pictures(40))
    times = [pts for _, pts in await seen(receiver, 36)]
    assert times == pytest.approx([STEP * i for i in range(36)], abs=1)
    assert counts[sender.rtx_ssrc] >= 9


async def test_one_nack_costs_each_packet_once(studio: Studio) -> None:
    studio.receiver(VIDEO, "VP8")
    track = PushTrack(VIDEO)
    sender = studio.sender(VIDEO, "VP8", track=track)
    track.push(*pictures(1))
    await condition(lambda: bool(rtp_sent(studio.left)))
    number = rtp_sent(studio.left)[0].sequence_number
    nack = RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=sender.ssrc)
    compound = bytes(nack) + number.to_bytes(2, "big") + bytes(2)
    compound = compound[:2] + (2 + 300).to_bytes(2, "big") + compound[4:12]
    studio.left.engine.on_rtcp(compound + (number.to_bytes(2, "big") + bytes(2)) * 300)
    assert len(rtp_sent(studio.left, ssrc=sender.rtx_ssrc)) == 1


async def test_statistics_have_their_w3c_names(studio: Studio) -> None:
    receiver = studio.receiver(VIDEO, "VP8")
    track = PushTrack(VIDEO)
    sender = studio.sender(VIDEO, "VP8", track=track)
    track.push(*pictures(5))
    await seen(receiver, 4)
    (outbound,) = (await sender.getStats()).values()
    (inbound,) = (await receiver.getStats()).values()
    assert isinstance(outbound, OutboundRtpStats)
    assert isinstance(inbound, InboundRtpStats)
    assert (outbound.type, inbound.type) == ("outbound-rtp", "inbound-rtp")
    assert outbound.ssrc == inbound.ssrc == sender.ssrc
    assert outbound.packetsSent == inbound.packetsReceived == 5
    assert outbound.bytesSent == inbound.bytesReceived > 0
    assert (inbound.framesDecoded, inbound.packetsLost) == (4, 0)


async def test_reports_travel_both_ways(studio: Studio) -> None:
    receiver = studio.receiver(VIDEO, "VP8")
    track = PushTrack(VIDEO)
    sender = studio.sender(VIDEO, "VP8", track=track)
    track.push(*pictures(5))
    reports: RtpStatsReport = {}
    async with asyncio.timeout(20):
        while len(reports) < 4:
            turn = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(0.05, turn.set_result, None)
            await turn
            for half in (sender, receiver):
                reports |= {entry.type: entry for entry in (await half.getStats()).values()}
    received, sent = reports["remote-inbound-rtp"], reports["remote-outbound-rtp"]
    assert isinstance(received, RemoteInboundRtpStats)
    assert isinstance(sent, RemoteOutboundRtpStats)
    assert (received.packetsReceived, received.packetsLost, sent.packetsSent) == (5, 0, 5)


async def test_stop_leaves_no_thread_and_no_task_and_ends_the_track(studio: Studio) -> None:
    tasks = asyncio.all_tasks()
    receiver = studio.receiver(VIDEO, "VP8")
    track = PushTrack(VIDEO)
    sender = studio.sender(VIDEO, "VP8", track=track)
    track.push(*pictures(5))
    await seen(receiver, 4)
    await asyncio.gather(sender.stop(), receiver.stop())
    assert not [thread for thread in threading.enumerate() if "decoder" in thread.name]
    assert asyncio.all_tasks() == tasks
    assert (receiver.track.readyState, track.readyState) == ("ended", "live")
    with pytest.raises(MediaStreamError):
        await seen(receiver, 100)
