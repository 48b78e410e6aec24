"""The receiving half of a transceiver, fed by an engine of the test."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peer.errors import ConfigurationError
from peer.rtp.dtmf_events import DtmfEncoder
from peer.rtp.inbound.control import ReceiverControl
from peer.rtp.inbound.received_track import ReceivedTrack
from peer.rtp.rtcp import Goodbye, Nack, PictureLossIndication, SenderReport, to_ntp
from peer.rtp.tracks import MediaStreamError
from peer.rtp_parameters import Codec, MediaKind
from tests.support.clock.virtual_time import VirtualLoop, in_virtual_time
from tests.support.media.encoded_frames import OPUS
from tests.support.rtp.media_packets import (
    LEVEL_ID,
    LEVELS,
    TONES,
    VP8,
    AudioPackets,
    FakeEngine,
    VideoPackets,
    receiving,
)

if TYPE_CHECKING:
    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.inbound.readers import FrameReader

RTCP_SSRC = 99


def started(
    kind: MediaKind = MediaKind.VIDEO, *codecs: Codec
) -> tuple[ReceiverControl, FakeEngine]:
    engine = FakeEngine()
    control = ReceiverControl(kind, clock=engine.clock)
    codecs = codecs or ((VP8,) if kind is MediaKind.VIDEO else (OPUS, TONES))
    control.start(engine, receiving(*codecs), RTCP_SSRC)
    return control, engine


async def rest(reader: FrameReader) -> list[EncodedFrame]:
    """What comes until the end, which has come."""
    return [frame async for frame in reader]


def keyframe_requests(engine: FakeEngine) -> int:
    return sum(isinstance(each, PictureLossIndication) for each in engine.sent)


async def test_encoded_frames_come_at_once_to_every_reader() -> None:
    control, engine = started()
    readers = [control.receiver.encoded_frames() for _ in range(2)]
    track = control.receiver.encoded_track()
    source = VideoPackets()
    for number in range(3):
        engine.feed(source.frame(keyframe=number == 0))
        engine.now += 1 / 30
    await control.stop()
    for frames in [await rest(reader) for reader in readers]:
        assert [(f.pts, f.keyframe, f.gap) for f in frames] == [
            (0, True, False),
            (3000, False, False),
            (6000, False, False),
        ]
        assert {(f.codec, f.ssrc, len(f.payload)) for f in frames} == {(VP8, 1, 2000)}
        assert (frames[0].width, frames[0].height) == (320, 240)
    assert [(await track.recv()).pts for _ in range(3)] == [0, 3000, 6000]
    with pytest.raises(MediaStreamError):
        await track.recv()


async def test_new_reader_of_receiver_requests_key_frame() -> None:
    control, engine = started()
    source = VideoPackets()
    engine.feed(source.frame(keyframe=True))
    asked = keyframe_requests(engine)
    read = asyncio.ensure_future(anext(control.receiver.encoded_frames()))
    await asyncio.wait([read], timeout=0)
    assert keyframe_requests(engine) == asked + 1
    engine.feed(source.frame() + source.frame(keyframe=True))
    assert (await read).pts == 6000
    await control.stop()


async def test_request_keyframe_sends_pli() -> None:
    control, engine = started()
    engine.feed(VideoPackets().frame(keyframe=True))
    control.receiver.request_keyframe()
    assert engine.sent == [PictureLossIndication(RTCP_SSRC, 1)]
    await control.stop()


async def test_audio_receiver_requests_no_key_frame() -> None:
    control, engine = started(MediaKind.AUDIO)
    engine.feed([AudioPackets().packet()])
    control.receiver.request_keyframe()
    assert engine.sent == []
    await control.stop()


@in_virtual_time
async def test_timer_requests_key_frame_for_stalled_video() -> None:
    clock = asyncio.get_running_loop().time
    engine, source = FakeEngine(clock()), VideoPackets()
    control = ReceiverControl(MediaKind.VIDEO, clock=clock)
    control.start(engine, receiving(VP8), RTCP_SSRC)
    engine.feed(source.frame(keyframe=True))
    source.lose()
    engine.feed(source.frame())
    assert keyframe_requests(engine) == 0
    await asyncio.sleep(0.3)
    assert keyframe_requests(engine) == 1
    await control.stop()


async def test_tones_come_beside_audio_frames() -> None:
    control, engine = started(MediaKind.AUDIO)
    frames, tones = control.receiver.encoded_frames(), control.receiver.tones()
    source = AudioPackets()
    engine.feed([source.packet()])
    begun = engine.now
    for packet in DtmfEncoder(clock_rate=48_000).encode("1#"):
        engine.now = begun + packet.at
        source.timestamp = (1000 + packet.offset) % 2**32
        engine.feed([source.packet(packet.payload, codec=TONES)])
    await control.stop()
    assert [tone.tone async for tone in tones] == ["1", "#"]
    assert len(await rest(frames)) == 1


async def test_synchronization_and_contributing_sources_with_audio_level() -> None:
    control, engine = started(MediaKind.AUDIO)
    engine.feed([AudioPackets().packet(csrcs=(5, 6))], {LEVEL_ID: bytes((0x80 | 20,))})
    (source,) = control.receiver.getSynchronizationSources()
    assert source.source == 2
    assert source.audioLevel == pytest.approx(0.1)
    assert [each.source for each in control.receiver.getContributingSources()] == [6, 5]
    engine.now += 11
    assert (
        control.receiver.getSynchronizationSources()
        == control.receiver.getContributingSources()
        == []
    )
    await control.stop()


async def test_get_parameters_gives_agreed_ones() -> None:
    control = ReceiverControl(MediaKind.VIDEO)
    assert control.receiver.getParameters().codecs == ()
    control, _ = started()
    parameters = control.receiver.getParameters()
    assert (parameters.codecs, parameters.headerExtensions) == ((VP8,), (LEVELS,))
    await control.stop()


@pytest.mark.parametrize("milliseconds", [-1, 4001])
def test_jitter_buffer_target_out_of_range_is_refused(milliseconds: float) -> None:
    control = ReceiverControl(MediaKind.AUDIO)
    with pytest.raises(ConfigurationError):
        control.receiver.jitterBufferTarget = milliseconds
    assert control.receiver.jitterBufferTarget is None


def test_jitter_buffer_target_can_be_set() -> None:
    control = ReceiverControl(MediaKind.AUDIO)
    for target in (0, 4000, 250.0, None):
        control.receiver.jitterBufferTarget = target
        assert control.receiver.jitterBufferTarget == target


async def test_reader_without_room_is_refused() -> None:
    control = ReceiverControl(MediaKind.AUDIO)
    with pytest.raises(ConfigurationError):
        control.receiver.encoded_frames(0)
    with pytest.raises(ConfigurationError):
        control.receiver.encoded_track(0)


async def test_reception_report_of_receiver_with_round_trip_time() -> None:
    control, engine = started()
    engine.feed(VideoPackets().frame(keyframe=True))
    engine.receive_rtcp(SenderReport(1, to_ntp(1e9), 0, 10, 1000))
    engine.round_trip_time = 0.2
    (port,) = engine.receivers
    (report,) = port.reports(engine.now)
    assert (report.ssrc, report.cumulative_lost) == (1, 0)
    await control.stop()


@pytest.mark.parametrize(("round_trip_time", "asked"), [(0.02, True), (0.4, False)])
def test_nack_is_repeated_after_round_trip_of_transport(
    round_trip_time: float, asked: bool
) -> None:
    async def run() -> bool:
        clock = asyncio.get_running_loop().time
        engine, source = FakeEngine(clock()), VideoPackets()
        engine.round_trip_time = round_trip_time
        control = ReceiverControl(MediaKind.VIDEO, clock=clock)
        control.start(engine, receiving(VP8), RTCP_SSRC)
        engine.feed(source.frame(keyframe=True))
        (port,) = engine.receivers
        port.reports(engine.now)
        source.lose()
        engine.feed(source.frame())
        await asyncio.sleep(0.2)
        await control.stop()
        return sum(isinstance(each, Nack) for each in engine.sent) > 1

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(run()) == asked


async def test_receiver_follows_ssrc_after_goodbye_at_once() -> None:
    control, engine = started()
    reader = control.receiver.encoded_frames()
    engine.feed(VideoPackets(1).frame(keyframe=True))
    engine.receive_rtcp(Goodbye((1,)))
    engine.feed(VideoPackets(2).frame(keyframe=True))
    await control.stop()
    assert [frame.ssrc for frame in await rest(reader)] == [1, 2]


def test_track_names_its_receiver() -> None:
    control = ReceiverControl(MediaKind.AUDIO)
    assert isinstance(control.receiver.track, ReceivedTrack)
    assert control.receiver.track.receiver is control.receiver
