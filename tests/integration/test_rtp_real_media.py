"""Real frames through real codecs, from a sender to a receiver over an in-memory link."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from aiortc.rtp import is_rtcp
from av import AudioFrame, VideoFrame

from media.planes import planes
from peer.rtp.dtmf_events import DtmfTone
from peer.rtp.inbound_stats import InboundRtpStats, RemoteOutboundRtpStats
from peer.rtp.outbound_stats import OutboundRtpStats, RemoteInboundRtpStats
from peer.rtp.packet import RtpPacket
from peer.rtp.receiver import RtpReceiver
from peer.rtp.sender import RtpSender
from peer.rtp.tracks import MediaStreamError, MediaStreamTrack
from peer.rtp_parameters import MediaKind
from tests.support.endless import STEP, Camera, Microphone
from tests.support.media_link import LinkEnd, media_link
from tests.support.rtp import PushTrack, receiving, sending

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

AUDIO, VIDEO = MediaKind.AUDIO, MediaKind.VIDEO
DARK, BRIGHT = 60, 200


class Studio:
    """A link with senders on its left and receivers on its right, all stopped at the end."""

    def __init__(self) -> None:
        self.left, self.right = media_link()
        self.halves: list[RtpSender | RtpReceiver] = []

    def sender(
        self, kind: MediaKind, *names: str, mid: str = "0", track: MediaStreamTrack | None = None
    ) -> RtpSender:
        sender = RtpSender(kind, track)
        self.halves.append(sender)
        sender.start(self.left.engine, sending(kind, *names, mid=mid))
        return sender

    def receiver(self, kind: MediaKind, *names: str, mid: str = "0") -> RtpReceiver:
        receiver = RtpReceiver(kind)
        self.halves.append(receiver)
        receiver.start(self.right.engine, receiving(kind, *names, mid=mid), 4242)
        return receiver

    async def close(self) -> None:
        await asyncio.gather(*(half.stop() for half in self.halves))
        for end in (self.left, self.right):
            end.engine.close()


@pytest.fixture
async def studio() -> AsyncIterator[Studio]:
    studio = Studio()
    yield studio
    await studio.close()


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
    async with asyncio.timeout(20):
        while True:
            ((found, pts),) = await seen(receiver, 1)
            if abs(found - luma) < 12:
                return found, pts


def rtp_sent(end: LinkEnd, *, ssrc: int | None = None) -> list[RtpPacket]:
    packets = [RtpPacket.parse(data) for data in end.wire.sent if not is_rtcp(data)]
    return [packet for packet in packets if ssrc in (None, packet.ssrc)]


def are_consecutive(packets: Sequence[RtpPacket]) -> bool:
    first = packets[0].sequence_number
    return [packet.sequence_number for packet in packets] == [
        (first + index) % 2**16 for index in range(len(packets))
    ]


async def moment(seconds: float = 0.001) -> None:
    await asyncio.sleep(seconds)


async def condition(holds: Callable[[], bool]) -> None:
    """Wait for what the test itself has set in motion."""
    async with asyncio.timeout(20):
        while not holds():
            await moment()


@pytest.mark.parametrize("codec", ["VP8", "H264", "VP9", "AV1"])
async def test_two_videos_without_announced_ssrcs_arrive_each_at_its_mid(
    studio: Studio, codec: str
) -> None:
    receivers = [studio.receiver(VIDEO, codec, mid=mid) for mid in "ab"]
    for mid, luma in (("b", BRIGHT), ("a", DARK)):
        studio.sender(VIDEO, codec, mid=mid, track=Camera(luma))
    dark, bright = [await seen(receiver, 5) for receiver in receivers]
    assert max(luma for luma, _ in dark) < 100 < min(luma for luma, _ in bright)
    assert studio.right.engine.counters.unknown == 0
    times = [pts - dark[0][1] for _, pts in dark]
    assert all(time % STEP in (0, 1, STEP - 1) for time in times)


@pytest.mark.parametrize("codec", ["opus", "PCMU", "PCMA", "G722"])
async def test_tone_arrives_with_its_pitch(studio: Studio, codec: str) -> None:
    receiver = studio.receiver(AUDIO, codec)
    studio.sender(AUDIO, codec, track=Microphone(440))
    frames = (await heard(receiver, 40))[10:]
    samples = np.concatenate(
        [f.to_ndarray().reshape(-1, len(f.layout.channels))[:, 0] for f in frames]
    )
    rate = frames[0].sample_rate
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    assert abs(int(spectrum.argmax()) * rate / len(samples) - 440) < 5


async def test_replaced_track_continues_the_stream(studio: Studio) -> None:
    receiver = studio.receiver(VIDEO, "VP8")
    first = Camera(DARK, first=100)
    sender = studio.sender(VIDEO, "VP8", track=first)
    before = await seen(receiver, 4)
    begun = asyncio.get_running_loop().time()
    await sender.replaceTrack(Camera(BRIGHT, first=7))
    _, pts = await until_seen(receiver, BRIGHT)
    passed = asyncio.get_running_loop().time() - begun
    assert 0 < (pts - before[-1][1]) / 90_000 < passed + 0.5
    packets = rtp_sent(studio.left)
    assert {packet.ssrc for packet in packets} == {sender.ssrc}
    assert are_consecutive(packets)
    assert first.readyState == "live"


async def test_track_that_fails_leaves_a_sender_that_takes_the_next(
    studio: Studio, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = studio.receiver(VIDEO, "VP8")
    broken = PushTrack(VIDEO)
    broken.push(RuntimeError("the camera fell off"))
    sender = studio.sender(VIDEO, "VP8", track=broken)
    await condition(lambda: "the camera fell off" in caplog.text)
    assert "counts as ended" in caplog.text
    assert sender.track is broken
    await sender.replaceTrack(Camera(120))
    await until_seen(receiver, 120)


async def test_codec_changes_while_the_stream_goes_on(studio: Studio) -> None:
    receiver = studio.receiver(VIDEO, "VP8", "H264")
    camera = Camera(DARK)
    sender = studio.sender(VIDEO, "VP8", track=camera)
    await seen(receiver, 4)
    sender.update(sending(VIDEO, "H264", "VP8"))
    camera.luma = BRIGHT
    await until_seen(receiver, BRIGHT)
    packets = rtp_sent(studio.left, ssrc=sender.ssrc)
    vp8, h264 = (sending(VIDEO, name).codecs[0].payload_type for name in ("VP8", "H264"))
    types = [packet.payload_type for packet in packets]
    assert types == sorted(types, key=(vp8, h264).index)
    assert set(types) == {vp8, h264}
    assert are_consecutive(packets)


async def test_audio_codec_changes_while_the_stream_goes_on(studio: Studio) -> None:
    receiver = studio.receiver(AUDIO, "opus", "PCMU")
    sender = studio.sender(AUDIO, "PCMU", track=Microphone(440))
    await heard(receiver, 8)
    sender.update(sending(AUDIO, "opus", "PCMU"))
    async with asyncio.timeout(20):
        while (await heard(receiver, 1))[0].sample_rate != 48_000:
            pass
    packets = rtp_sent(studio.left, ssrc=sender.ssrc)
    types = [packet.payload_type for packet in packets]
    changed = types.index(96)
    assert set(types[:changed]) == {0}
    # RFC 7160 section 4.1: the step across the change is 20 ms of the new clock.
    former, opus = packets[changed - 1 : changed + 1]
    assert (opus.timestamp - former.timestamp) % 2**32 % 960 in (0, 1, 959)
    assert are_consecutive(packets)


async def test_pause_sends_nothing_and_resumes_with_a_whole_picture(studio: Studio) -> None:
    receiver = studio.receiver(VIDEO, "VP8")
    camera = Camera(DARK)
    sender = studio.sender(VIDEO, "VP8", track=camera)
    await seen(receiver, 4)
    sender.update(None)
    receiver.update(None)
    sent, given = len(rtp_sent(studio.left)), camera.given
    await condition(lambda: camera.given > given + 5)
    assert len(rtp_sent(studio.left)) == sent
    camera.luma = BRIGHT
    sender.update(sending(VIDEO, "VP8"))
    receiver.update(receiving(VIDEO, "VP8"))
    await until_seen(receiver, BRIGHT)
    first = rtp_sent(studio.left)[sent]
    # RFC 7741 section 4.2: one octet says whether there is an extension; section 4.3: the P bit
    # of the VP8 payload header is 0 in a key frame.
    described = 4 if first.payload[0] & 0x80 and first.payload[2] & 0x80 else 3
    assert first.payload[described] & 1 == 0


async def test_application_stops_a_stream_and_makes_it_smaller(studio: Studio) -> None:
    receiver = studio.receiver(VIDEO, "VP8")
    camera = Camera(DARK)
    sender = studio.sender(VIDEO, "VP8", track=camera)
    await seen(receiver, 4)
    parameters = sender.getParameters()
    parameters.encodings[0].active = False
    await sender.setParameters(parameters)
    sent, given = len(rtp_sent(studio.left)), camera.given
    await condition(lambda: camera.given > given + 5)
    assert len(rtp_sent(studio.left)) == sent
    parameters = sender.getParameters()
    parameters.encodings[0].active = True
    parameters.encodings[0].scaleResolutionDownBy = 2.0
    await sender.setParameters(parameters)
    async with asyncio.timeout(20):
        while True:
            frame = await receiver.track.recv()
            assert isinstance(frame, VideoFrame)
            if (frame.width, frame.height) == (32, 24):
                return


async def test_ssrc_that_changes_is_followed(studio: Studio) -> None:
    receiver = studio.receiver(VIDEO, "VP8")
    former = studio.sender(VIDEO, "VP8", track=Camera(DARK, first=1000))
    before = await seen(receiver, 4)
    await former.stop()
    studio.sender(VIDEO, "VP8", track=Camera(BRIGHT))
    _, pts = await until_seen(receiver, BRIGHT)
    assert before[-1][1] < pts < before[-1][1] + 90_000


async def test_bye_does_not_end_the_track(studio: Studio) -> None:
    receiver = studio.receiver(VIDEO, "VP8")
    former = studio.sender(VIDEO, "VP8", track=Camera(DARK))
    await seen(receiver, 2)
    heard_before = studio.right.engine.counters.rtcp
    await former.stop()
    await condition(lambda: studio.right.engine.counters.rtcp > heard_before)
    assert receiver.track.readyState == "live"


async def test_lost_packets_are_sent_again_though_no_rtx_stream_was_announced(
    studio: Studio,
) -> None:
    receiver = studio.receiver(VIDEO, "VP8")
    sender = studio.sender(VIDEO, "VP8", track=Camera(DARK))
    counts: Counter[int] = Counter()
    await seen(receiver, 2)

    def keep(packet: bytes) -> bool:
        if is_rtcp(packet):
            return True
        ssrc = RtpPacket.parse(packet).ssrc
        counts[ssrc] += 1
        return ssrc != sender.ssrc or counts[ssrc] % 4 != 2

    studio.left.wire.keep = keep
    times = [pts for _, pts in await seen(receiver, 36)]
    steps = [later - earlier for earlier, later in pairwise(times)]
    assert steps == pytest.approx([STEP] * 35, abs=1)
    assert counts[sender.rtx_ssrc] >= 7


async def test_tones_reach_the_peer_among_the_sound(studio: Studio) -> None:
    names = "opus", "telephone-event"
    receiver = studio.receiver(AUDIO, *names)
    tones = receiver.tones()
    sender = studio.sender(AUDIO, *names, track=Microphone(440))
    assert sender.dtmf is not None
    await heard(receiver, 2)
    sender.dtmf.insertDTMF("1#", 60, 40)
    async with asyncio.timeout(20):
        assert [await anext(tones), await anext(tones)] == [
            DtmfTone("1", 0.06),
            DtmfTone("#", 0.06),
        ]
    await heard(receiver, 5)


async def test_statistics_of_both_ends_agree(studio: Studio) -> None:
    receiver = studio.receiver(VIDEO, "VP8")
    sender = studio.sender(VIDEO, "VP8", track=Camera(DARK))
    await seen(receiver, 10)

    async def told() -> RemoteInboundRtpStats | None:
        entries = tuple((await sender.getStats()).values())
        return next((each for each in entries if isinstance(each, RemoteInboundRtpStats)), None)

    async with asyncio.timeout(20):
        while (remote := await told()) is None or remote.roundTripTime is None:
            await moment(0.05)
    assert remote.packetsLost == 0
    assert remote.roundTripTime < 1
    sender.update(None)
    # What is on its way arrives in the next turns of the loop.
    await moment(0.05)
    sent, received = await sender.getStats(), await receiver.getStats()
    (outbound,) = [each for each in sent.values() if isinstance(each, OutboundRtpStats)]
    (inbound,) = [each for each in received.values() if isinstance(each, InboundRtpStats)]
    (heard_of,) = [each for each in received.values() if isinstance(each, RemoteOutboundRtpStats)]
    assert (outbound.type, inbound.type) == ("outbound-rtp", "inbound-rtp")
    assert outbound.ssrc == inbound.ssrc == sender.ssrc
    assert outbound.packetsSent == inbound.packetsReceived
    assert outbound.bytesSent == inbound.bytesReceived > 0
    assert (outbound.framesSent, inbound.packetsLost) == (inbound.framesReceived, 0)
    assert 0 < heard_of.packetsSent <= outbound.packetsSent


async def test_stop_leaves_no_thread_and_no_task_and_ends_the_track(studio: Studio) -> None:
    tasks = asyncio.all_tasks()
    receiver = studio.receiver(VIDEO, "VP8")
    camera = Camera(DARK)
    sender = studio.sender(VIDEO, "VP8", track=camera)
    await seen(receiver, 4)
    await asyncio.gather(sender.stop(), receiver.stop())
    assert not [thread for thread in threading.enumerate() if "decoder" in thread.name]
    await condition(lambda: asyncio.all_tasks() == tasks)
    assert (receiver.track.readyState, camera.readyState) == ("ended", "live")
    with pytest.raises(MediaStreamError):
        await seen(receiver, 100)
