"""Streams of real frames whose track, codec, size or SSRC changes while they go on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from av import VideoFrame

from peer.rtp_parameters import MediaKind
from tests.support.clock.deadline import DEADLINE
from tests.support.media.endless import STEP, Camera, Microphone
from tests.support.media.rtp_session import (
    RtpSession,
    are_consecutive,
    moment,
    next_audio,
    next_video,
    rtp_sent,
    wait_for_luma,
    wait_until,
)
from tests.support.rtp.parameters import receiving, sending

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

AUDIO, VIDEO = MediaKind.AUDIO, MediaKind.VIDEO
DARK, BRIGHT = 60, 200
RATE = 90_000


@pytest.fixture
async def session() -> AsyncIterator[RtpSession]:
    session = RtpSession()
    yield session
    await session.close()


async def test_replaced_track_continues_the_stream_in_the_time_that_passed(
    session: RtpSession,
) -> None:
    receiver = session.receiver(VIDEO, "VP8")
    first, second = Camera(DARK, first=100), Camera(BRIGHT, first=7)
    sender = session.sender(VIDEO, "VP8", track=first)
    before = await next_video(receiver, 4)
    await sender.replaceTrack(None)
    await moment(0.5)
    await sender.replaceTrack(second)
    _, pts = await wait_for_luma(receiver, BRIGHT)
    # The first picture is at 0, and the first one of the second track is not left out.
    assert before[0][1] == 0
    assert pts / RATE == pytest.approx(second.times[0] - first.times[0], abs=0.1)
    packets = rtp_sent(session.left)
    assert {packet.ssrc for packet in packets} == {sender.ssrc}
    assert are_consecutive(packets)
    assert first.readyState == "live"


async def test_codec_changes_while_the_stream_goes_on(session: RtpSession) -> None:
    receiver = session.receiver(VIDEO, "VP8", "H264")
    camera = Camera(DARK)
    sender = session.sender(VIDEO, "VP8", track=camera)
    await next_video(receiver, 4)
    session.senders[sender].update(sending(VIDEO, "H264", "VP8"))
    camera.luma = BRIGHT
    await wait_for_luma(receiver, BRIGHT)
    packets = rtp_sent(session.left, ssrc=sender.ssrc)
    vp8, h264 = (sending(VIDEO, name).codecs[0].payload_type for name in ("VP8", "H264"))
    types = [packet.payload_type for packet in packets]
    assert types == sorted(types, key=(vp8, h264).index)
    assert set(types) == {vp8, h264}
    assert are_consecutive(packets)


async def test_audio_codec_changes_while_the_stream_goes_on(session: RtpSession) -> None:
    receiver = session.receiver(AUDIO, "opus", "PCMU")
    sender = session.sender(AUDIO, "PCMU", track=Microphone(440))
    former = (await next_audio(receiver, 8))[-1]
    session.senders[sender].update(sending(AUDIO, "opus", "PCMU"))
    async with asyncio.timeout(DEADLINE):
        while (frame := (await next_audio(receiver, 1))[0]).sample_rate != 48_000:
            former = frame
    assert frame.pts is not None
    assert former.pts is not None
    assert frame.pts / 48_000 > former.pts / 8_000
    packets = rtp_sent(session.left, ssrc=sender.ssrc)
    types = [packet.payload_type for packet in packets]
    changed = types.index(96)
    assert set(types[:changed]) == {0}
    # RFC 7160 section 4.1: the step across the change is 20 ms of the new clock, or some more
    # where frames were left out.
    last, opus = packets[changed - 1 : changed + 1]
    step = (opus.timestamp - last.timestamp) % 2**32
    assert 1 < step < 48_000
    assert step % 960 in (0, 1, 959)
    assert are_consecutive(packets)


async def test_pause_sends_nothing_and_resumes_with_a_whole_picture(session: RtpSession) -> None:
    receiver = session.receiver(VIDEO, "VP8")
    camera = Camera(DARK)
    sender = session.sender(VIDEO, "VP8", track=camera)
    await next_video(receiver, 4)
    session.senders[sender].update(None)
    session.receivers[receiver].update(None)
    sent, given = len(rtp_sent(session.left)), camera.given
    await wait_until(lambda: camera.given > given + 5)
    assert len(rtp_sent(session.left)) == sent
    camera.luma = BRIGHT
    session.senders[sender].update(sending(VIDEO, "VP8"))
    session.receivers[receiver].update(receiving(VIDEO, "VP8"))
    await wait_for_luma(receiver, BRIGHT)
    first = rtp_sent(session.left)[sent]
    # RFC 7741 section 4.2: one octet says whether there is an extension; section 4.3: the P bit
    # of the VP8 payload header is 0 in a key frame.
    described = 4 if first.payload[0] & 0x80 and first.payload[2] & 0x80 else 3
    assert first.payload[described] & 1 == 0


async def test_application_stops_a_stream_and_makes_it_smaller(session: RtpSession) -> None:
    receiver = session.receiver(VIDEO, "VP8")
    camera = Camera(DARK)
    sender = session.sender(VIDEO, "VP8", track=camera)
    await next_video(receiver, 4)
    parameters = sender.getParameters()
    parameters.encodings[0].active = False
    await sender.setParameters(parameters)
    sent, given = len(rtp_sent(session.left)), camera.given
    await wait_until(lambda: camera.given > given + 5)
    assert len(rtp_sent(session.left)) == sent
    parameters = sender.getParameters()
    parameters.encodings[0].active = True
    parameters.encodings[0].scaleResolutionDownBy = 2.0
    await sender.setParameters(parameters)
    async with asyncio.timeout(DEADLINE):
        while True:
            frame = await receiver.track.recv()
            assert isinstance(frame, VideoFrame)
            if (frame.width, frame.height) == (32, 24):
                return


async def test_ssrc_that_changes_is_followed(session: RtpSession) -> None:
    receiver = session.receiver(VIDEO, "VP8")
    frames = receiver.encoded_frames()
    former = session.sender(VIDEO, "VP8", track=Camera(DARK, first=1000))
    ((_, before),) = await next_video(receiver, 1)
    await session.senders[former].stop()
    await moment(0.3)
    following = session.sender(VIDEO, "VP8", track=Camera(BRIGHT))
    _, after = await wait_for_luma(receiver, BRIGHT)
    assert before < after
    last = frame = await anext(frames)
    while frame.ssrc == former.ssrc:
        last, frame = frame, await anext(frames)
    assert (last.ssrc, frame.ssrc) == (former.ssrc, following.ssrc)
    # The time between them is that between their arrivals.
    assert frame.pts - last.pts == pytest.approx((frame.arrival - last.arrival) * RATE, abs=1)
    assert frame.pts - last.pts > 0.2 * RATE
    assert (after - frame.pts) % STEP in (0, 1, STEP - 1)


async def test_sequence_numbers_of_another_stream_may_be_any(session: RtpSession) -> None:
    receiver = session.receiver(VIDEO, "VP8")
    sender = session.sender(VIDEO, "VP8", track=Camera(DARK))
    await next_video(receiver, 4)
    session.senders[sender].update(None)
    elsewhere = RtpSession()
    elsewhere.sender(VIDEO, "VP8", track=Camera(BRIGHT))
    await wait_until(lambda: len(rtp_sent(elsewhere.left)) >= 5)
    # A stream is kept to for 0.2 s from its beginning.
    await moment(0.3)
    last = rtp_sent(session.left)[-1].sequence_number
    for index, packet in enumerate(rtp_sent(elsewhere.left)[:5]):
        # Just before those of the former stream, where they would pass for stragglers.
        packet.sequence_number = (last - 20 + index) % 2**16
        packet.profile, packet.extension = 0, b""
        session.right.engine.on_rtp(packet.write(), asyncio.get_running_loop().time())
    await wait_for_luma(receiver, BRIGHT)
    await elsewhere.close()
