"""Start, changes, moves and end of a receiver, fed by an engine of the test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from peer.errors import InvalidStateError
from peer.rtp.inbound.control import ReceiverControl
from peer.rtp.inbound.stats import InboundRtpStats
from peer.rtp.rtcp import PictureLossIndication
from peer.rtp.tracks import MediaStreamError
from peer.rtp_parameters import Codec, MediaKind
from tests.support.media.encoded_frames import OPUS
from tests.support.rtp.media_packets import (
    TONES,
    VP8,
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


async def test_receiver_starts_once() -> None:
    control, engine = started()
    assert (control.started, control.engine) == (True, engine)
    with pytest.raises(InvalidStateError):
        control.start(engine, receiving(VP8), RTCP_SSRC)
    await control.stop()
    await control.stop()
    assert (control.started, control.engine, engine.receivers) == (False, None, {})
    with pytest.raises(InvalidStateError):
        control.start(engine, receiving(VP8), RTCP_SSRC)


async def test_receiver_cannot_change_before_start() -> None:
    control = ReceiverControl(MediaKind.VIDEO)
    with pytest.raises(InvalidStateError):
        control.update(None)
    with pytest.raises(InvalidStateError):
        control.move(FakeEngine(), receiving(VP8))
    await control.stop()


async def test_paused_receiver_drops_packets_and_time_goes_on() -> None:
    control, engine = started()
    reader = control.receiver.encoded_frames()
    source = VideoPackets()
    engine.feed(source.frame(keyframe=True))
    control.update(None)
    for _ in range(30):
        engine.now += 1 / 30
        engine.feed(source.frame())
    control.update(receiving(VP8))
    engine.feed(source.frame(keyframe=True))
    await control.stop()
    first, second = await rest(reader)
    assert (first.pts, second.keyframe) == (0, True)
    assert second.pts == pytest.approx(31 * 3000, abs=3000)


async def test_changed_parameters_reach_engine() -> None:
    control, engine = started()
    control.update(receiving(VP8, mid="7"))
    (parameters,) = engine.receivers.values()
    assert parameters.mid == "7"
    assert control.receiver.getParameters().codecs == (VP8,)
    await control.stop()


async def test_receiver_moves_to_another_transport_and_time_goes_on() -> None:
    control, engine = started()
    reader = control.receiver.encoded_frames()
    source, other = VideoPackets(), FakeEngine()
    engine.feed(source.frame(keyframe=True))
    control.move(other, receiving(VP8))
    assert (control.engine, engine.receivers, len(other.receivers)) == (other, {}, 1)
    other.feed(source.frame())
    await control.stop()
    assert [frame.pts for frame in await rest(reader)] == [0, 3000]


async def test_another_ssrc_on_other_transport_is_followed_at_once() -> None:
    control, engine = started()
    reader = control.receiver.encoded_frames()
    other = FakeEngine()
    engine.feed(VideoPackets(1).frame(keyframe=True))
    control.move(other, receiving(VP8))
    other.feed(VideoPackets(2).frame(keyframe=True))
    await control.stop()
    assert [frame.ssrc for frame in await rest(reader)] == [1, 2]


async def test_disowned_receiver_gives_no_frames() -> None:
    control, engine = started()
    reader, track = control.receiver.encoded_frames(), control.receiver.encoded_track()
    source = VideoPackets()
    engine.feed(source.frame(keyframe=True))
    control.disown()
    engine.feed(source.frame(keyframe=True))
    assert await rest(reader) == []
    for each in (track, control.receiver.track):
        assert each.readyState == "ended"
        with pytest.raises(MediaStreamError):
            await each.recv()
    (stats,) = (
        each for each in (await control.receiver.getStats()).values() if each.type != "codec"
    )
    assert isinstance(stats, InboundRtpStats)
    assert stats.framesReceived == 1
    await control.stop()


def is_verified(control: ReceiverControl) -> bool:
    return control.receiver.verified


def transport_id(control: ReceiverControl) -> int | None:
    return control.receiver.transport_id


async def test_verified_receiver_says_so_to_programs() -> None:
    control, _ = started()
    assert not is_verified(control)
    control.verify()
    assert is_verified(control)
    await control.stop()


async def test_transport_id_is_of_the_engine_between_start_and_end() -> None:
    control = ReceiverControl(MediaKind.VIDEO)
    engines = FakeEngine(), FakeEngine()
    found = [transport_id(control)]
    control.start(engines[0], receiving(VP8), RTCP_SSRC)
    found.append(transport_id(control))
    control.move(engines[1], receiving(VP8))
    found.append(transport_id(control))
    await control.stop()
    found.append(transport_id(control))
    assert found[0] is found[3] is None
    assert None not in found[1:3]
    assert found[1] != found[2]
