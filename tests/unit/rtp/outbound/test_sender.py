"""RtpSender as applications use it, and SenderControl as the connection does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from peer.errors import ConfigurationError, InvalidModificationError, InvalidStateError
from peer.rtp.codec_stats import CodecStats
from peer.rtp.levels import AudioLevel
from peer.rtp.media_source_stats import MediaSourceStats
from peer.rtp.outbound.control import SenderControl
from peer.rtp.outbound.stats import OutboundRtpStats, QualityLimitation, RemoteInboundRtpStats
from peer.rtp.rtcp import (
    FullIntraRequest,
    Goodbye,
    Nack,
    PictureLossIndication,
    ReceiverReport,
    ReceptionReport,
)
from peer.rtp_parameters import MediaKind
from tests.support.clock.deadline import DEADLINE
from tests.support.media.encoded_frames import key, picture
from tests.support.media.encoded_frames import sound as encoded_sound
from tests.support.media.frames import flat_picture
from tests.support.rtp.outgoing import OPUS, RTX, TONES, VP8, FakeEngine, agreed
from tests.support.rtp.parameters import QueueTrack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from peer.rtp.outbound.sender import RtpSender

VIDEO, AUDIO = MediaKind.VIDEO, MediaKind.AUDIO
PARAMETERS = agreed(VP8, RTX)


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
async def control() -> AsyncIterator[SenderControl]:
    control = SenderControl(VIDEO)
    yield control
    await control.stop()


@pytest.fixture
def sender(control: SenderControl) -> RtpSender:
    return control.sender


async def turn() -> None:
    await asyncio.sleep(0)


async def until(done: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not done():
            await turn()


async def entry(sender: RtpSender, kind: type) -> Any:
    """The only entry of a kind."""
    (found,) = [each for each in (await sender.getStats()).values() if type(each) is kind]
    return found


async def test_sender_keeps_its_ssrcs(
    control: SenderControl, sender: RtpSender, engine: FakeEngine
) -> None:
    ssrcs = sender.ssrc, sender.rtx_ssrc
    control.start(engine, PARAMETERS)
    assert len(set(ssrcs)) == 2
    assert [each for _, each in engine.senders.values()] == [ssrcs]


async def test_track_of_another_kind_is_refused_and_nothing_changes(sender: RtpSender) -> None:
    track = QueueTrack(VIDEO)
    await sender.replaceTrack(track)
    with pytest.raises(ConfigurationError, match="audio"):
        await sender.replaceTrack(QueueTrack(AUDIO))
    assert sender.track is track


async def test_stopped_sender_refuses_tracks_and_parameters(
    control: SenderControl, sender: RtpSender
) -> None:
    parameters = sender.getParameters()
    await control.stop()
    with pytest.raises(InvalidStateError):
        await sender.replaceTrack(None)
    with pytest.raises(InvalidStateError):
        await sender.setParameters(parameters)


async def test_sender_starts_once(control: SenderControl, engine: FakeEngine) -> None:
    with pytest.raises(InvalidStateError):
        control.update(PARAMETERS)
    control.start(engine, PARAMETERS)
    started = [control.started]
    with pytest.raises(InvalidStateError):
        control.start(engine, PARAMETERS)
    await control.stop()
    assert [*started, control.started] == [True, False]
    with pytest.raises(InvalidStateError):
        control.start(engine, PARAMETERS)


def test_programs_get_only_w3c_members_and_ours(sender: RtpSender) -> None:
    assert {name for name in dir(sender) if not name.startswith("_")} == {
        "dtmf",
        "find_transport",
        "getCapabilities",
        "getParameters",
        "getStats",
        "kind",
        "replaceTrack",
        "rtx_ssrc",
        "setParameters",
        "setStreams",
        "ssrc",
        "track",
        "transport",
        "transform",
    }


async def test_track_is_not_read_before_the_start(
    control: SenderControl, sender: RtpSender, engine: FakeEngine
) -> None:
    track = QueueTrack(VIDEO)
    track.push(key(0))
    await sender.replaceTrack(track)
    await asyncio.sleep(0)
    assert track.reads == 0
    control.start(engine, PARAMETERS)
    await until(lambda: engine.sent)


async def test_replace_track_continues_the_stream(
    control: SenderControl, sender: RtpSender, engine: FakeEngine
) -> None:
    control.start(engine, PARAMETERS)
    first, second = QueueTrack(VIDEO), QueueTrack(VIDEO)
    first.push(key(0), picture(3000))
    await sender.replaceTrack(first)
    await until(lambda: len(engine.sent) == 2)
    await sender.replaceTrack(None)
    second.push(key(0))
    await sender.replaceTrack(second)
    await until(lambda: len(engine.sent) == 3)
    times = [(each.timestamp - engine.packets[0].timestamp) % 2**32 for each in engine.packets]
    assert times[:2] == [0, 3000]
    assert 3000 < times[2] < 90_000
    assert (first.readyState, second.readyState) == ("live", "live")


async def test_stop_leaves_the_track_to_the_application(
    control: SenderControl, sender: RtpSender, engine: FakeEngine
) -> None:
    track = QueueTrack(VIDEO)
    track.push(key(0))
    await sender.replaceTrack(track)
    control.start(engine, PARAMETERS)
    await until(lambda: engine.sent)
    await control.stop()
    await control.stop()
    assert track.readyState == "live"
    assert [each[-1] for each in engine.rtcp] == [Goodbye((sender.ssrc,))]


async def test_set_parameters_takes_effect_at_once(
    control: SenderControl, sender: RtpSender, engine: FakeEngine
) -> None:
    control.start(engine, PARAMETERS)
    parameters = sender.getParameters()
    assert parameters.codecs == PARAMETERS.codecs
    parameters.encodings[0].active = False
    await sender.setParameters(parameters)
    assert engine.shares == {}
    parameters = sender.getParameters()
    assert not parameters.encodings[0].active
    parameters.encodings[0].active = True
    parameters.encodings[0].maxBitrate = 95_000
    await sender.setParameters(parameters)
    assert [share.maximum for share in engine.shares.values()] == [100_000]


async def test_parameters_set_before_the_start_take_effect(
    control: SenderControl, sender: RtpSender, engine: FakeEngine
) -> None:
    parameters = sender.getParameters()
    parameters.encodings[0].active = False
    await sender.setParameters(parameters)
    control.start(engine, PARAMETERS)
    assert engine.shares == {}


async def test_parameters_of_two_senders_are_set_side_by_side() -> None:
    senders = [SenderControl(VIDEO).sender, SenderControl(AUDIO).sender]
    given = [sender.getParameters() for sender in senders]
    for parameters in given:
        parameters.encodings[0].active = False
    await asyncio.gather(*(s.setParameters(p) for s, p in zip(senders, given, strict=True)))
    assert [s.getParameters().encodings[0].active for s in senders] == [False, False]


async def test_refused_parameters_change_nothing(
    control: SenderControl, sender: RtpSender, engine: FakeEngine
) -> None:
    control.start(engine, PARAMETERS)
    parameters = sender.getParameters()
    parameters.encodings[0].active = False
    with pytest.raises(InvalidModificationError):
        await sender.setParameters(replace(parameters, codecs=()))
    assert engine.shares != {}


async def test_negotiation_makes_parameters_stale(
    control: SenderControl, sender: RtpSender, engine: FakeEngine
) -> None:
    control.start(engine, PARAMETERS)
    parameters = sender.getParameters()
    control.update(None)
    with pytest.raises(InvalidStateError):
        await sender.setParameters(parameters)
    assert sender.getParameters().codecs == PARAMETERS.codecs


async def test_only_audio_senders_have_dtmf(engine: FakeEngine) -> None:
    assert SenderControl(VIDEO).sender.dtmf is None
    control = SenderControl(AUDIO)
    sender = control.sender
    assert sender.dtmf is not None
    assert not sender.dtmf.canInsertDTMF
    control.start(engine, agreed(OPUS, TONES))
    sender.dtmf.insertDTMF("1")
    await until(lambda: engine.sent)
    assert engine.packets[0].payload_type == TONES.payload_type
    await control.stop()
    with pytest.raises(InvalidStateError):
        sender.dtmf.insertDTMF("1")


async def test_get_stats_before_the_start_is_empty(sender: RtpSender) -> None:
    assert await sender.getStats() == {}


async def test_get_stats_has_outbound_rtp(
    control: SenderControl, sender: RtpSender, engine: FakeEngine
) -> None:
    track = QueueTrack(VIDEO)
    await sender.replaceTrack(track)
    control.start(engine, PARAMETERS)
    engine.target(400_000)
    track.push(replace(key(0), width=320, height=240), picture(3000))
    await until(lambda: len(engine.sent) == 2)
    engine.tell(Nack(1, sender.ssrc, (engine.packets[0].sequence_number,)))
    engine.tell(PictureLossIndication(1, sender.ssrc))
    engine.tell(FullIntraRequest(1, ((sender.ssrc, 1),)))
    stats = await entry(sender, OutboundRtpStats)
    payload = len(engine.packets[0].payload) + len(engine.packets[1].payload)
    assert (stats.ssrc, stats.rtxSsrc, stats.mid) == (sender.ssrc, sender.rtx_ssrc, "0")
    assert (stats.packetsSent, stats.retransmittedPacketsSent) == (3, 1)
    assert stats.bytesSent == payload + stats.retransmittedBytesSent
    assert stats.headerBytesSent >= 2 * 12
    assert (stats.framesSent, stats.framesEncoded, stats.keyFramesEncoded) == (2, 0, 0)
    assert (stats.nackCount, stats.pliCount, stats.firCount) == (1, 1, 1)
    assert stats.targetBitrate == 380_000
    assert stats.qualityLimitationReason is QualityLimitation.BANDWIDTH
    assert stats.active
    report = await sender.getStats()
    codec, source = report[stats.codecId], report[stats.mediaSourceId]
    assert isinstance(codec, CodecStats)
    assert codec.mimeType == "video/VP8"
    assert isinstance(source, MediaSourceStats)
    assert (source.trackIdentifier, source.kind) == (track.id, "video")
    assert stats.remoteId is None


async def test_get_stats_has_remote_inbound_rtp(
    control: SenderControl, sender: RtpSender, engine: FakeEngine
) -> None:
    track = QueueTrack(VIDEO)
    track.push(key(0), picture(3000))
    await sender.replaceTrack(track)
    control.start(engine, PARAMETERS)
    await until(lambda: len(engine.sent) == 2)
    engine.tell(ReceiverReport(1, (ReceptionReport(sender.ssrc, 128, 1, 9, 900),)))
    stats = await entry(sender, RemoteInboundRtpStats)
    assert (stats.packetsReceived, stats.packetsLost) == (1, 1)
    assert (stats.fractionLost, stats.jitter) == (0.5, 0.01)
    assert (stats.roundTripTime, stats.roundTripTimeMeasurements) == (None, 0)
    outbound = await entry(sender, OutboundRtpStats)
    assert (stats.localId, outbound.remoteId) == (outbound.id, stats.id)


async def test_get_stats_of_audio(engine: FakeEngine) -> None:
    control = SenderControl(AUDIO, QueueTrack(AUDIO))
    sender = control.sender
    control.start(engine, agreed(OPUS))
    engine.target(400_000)
    stats = await entry(sender, OutboundRtpStats)
    assert (stats.targetBitrate, stats.qualityLimitationReason) == (None, None)
    assert stats.rtxSsrc is None
    assert (await entry(sender, MediaSourceStats)).audioLevel is None
    await control.stop()


async def test_audio_level_of_media_source_is_0_to_1(engine: FakeEngine) -> None:
    track = QueueTrack(AUDIO)
    track.push(replace(encoded_sound(0), level=AudioLevel(20)))
    control = SenderControl(AUDIO, track)
    sender = control.sender
    control.start(engine, agreed(OPUS))
    await until(lambda: engine.sent)
    assert (await entry(sender, MediaSourceStats)).audioLevel == pytest.approx(0.1)
    await control.stop()


async def test_get_stats_counts_encoded_frames(
    control: SenderControl, sender: RtpSender, engine: FakeEngine
) -> None:
    track = QueueTrack(VIDEO)
    track.push(flat_picture(64, 48))
    await sender.replaceTrack(track)
    control.start(engine, PARAMETERS)
    await until(lambda: engine.sent)
    stats = await entry(sender, OutboundRtpStats)
    assert (stats.framesEncoded, stats.keyFramesEncoded) == (1, 1)
    assert (stats.frameWidth, stats.frameHeight) == (64, 48)
    assert stats.totalEncodeTime > 0


async def test_representations_of_a_sender_name_its_ssrc(
    control: SenderControl, sender: RtpSender, engine: FakeEngine
) -> None:
    track = QueueTrack(VIDEO)
    await sender.replaceTrack(track)
    assert repr(sender) == f"<RtpSender video ssrc={sender.ssrc} track={track.id}>"
    control.start(engine, PARAMETERS)
    (stream,) = engine.senders
    assert f"ssrc={sender.ssrc}" in repr(stream)
    await control.stop()
    assert repr(control) == f"<SenderControl of {sender!r} stopped>"
