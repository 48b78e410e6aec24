"""Real frames through real codecs, from a sender to a receiver over an in-memory link."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from peer.rtp.dtmf_events import DtmfTone
from peer.rtp.inbound.stats import InboundRtpStats, RemoteOutboundRtpStats
from peer.rtp.outbound.stats import OutboundRtpStats, RemoteInboundRtpStats
from peer.rtp.packet import RtpPacket
from peer.rtp.rtcp import Nack, write
from peer.rtp.tracks import MediaStreamError
from peer.rtp_parameters import MediaKind
from tests.support.clock.deadline import DEADLINE
from tests.support.media.endless import STEP, Camera, Microphone
from tests.support.media.frames import flat_picture
from tests.support.media.rtp_session import (
    RtpSession,
    is_rtcp,
    moment,
    next_audio,
    next_video,
    rtp_sent,
    wait_for_luma,
    wait_until,
)
from tests.support.rtp.parameters import QueueTrack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer.rtp.inbound.receiver import RtpReceiver

AUDIO, VIDEO = MediaKind.AUDIO, MediaKind.VIDEO
DARK, BRIGHT = 60, 200


@pytest.fixture
async def session() -> AsyncIterator[RtpSession]:
    session = RtpSession()
    yield session
    await session.close()


async def inbound_of(receiver: RtpReceiver) -> InboundRtpStats:
    (inbound,) = [e for e in (await receiver.getStats()).values() if isinstance(e, InboundRtpStats)]
    return inbound


@pytest.mark.parametrize("codec", ["VP8", "H264", "VP9", "AV1"])
async def test_two_videos_without_announced_ssrcs_arrive_each_at_its_mid(
    session: RtpSession, codec: str
) -> None:
    receivers = [session.receiver(VIDEO, codec, mid=mid) for mid in "ab"]
    for mid, luma in (("b", BRIGHT), ("a", DARK)):
        session.sender(VIDEO, codec, mid=mid, track=Camera(luma))
    dark, bright = await asyncio.gather(*(next_video(receiver, 5) for receiver in receivers))
    assert max(luma for luma, _ in dark) < 100 < min(luma for luma, _ in bright)
    assert session.right.engine.counters.unknown == 0
    for times in ([pts for _, pts in dark], [pts for _, pts in bright]):
        steps = [later - earlier for earlier, later in pairwise(times)]
        # An encoder that is not done with one picture leaves out the next.
        assert all(step > 1 and step % STEP in (0, 1, STEP - 1) for step in steps)


@pytest.mark.parametrize("codec", ["opus", "PCMU", "PCMA", "G722"])
async def test_tone_arrives_with_its_pitch(session: RtpSession, codec: str) -> None:
    receiver = session.receiver(AUDIO, codec)
    session.sender(AUDIO, codec, track=Microphone(440))
    frames = (await next_audio(receiver, 40))[10:]
    samples = np.concatenate(
        [f.to_ndarray().reshape(-1, len(f.layout.channels))[:, 0] for f in frames]
    )
    rate = frames[0].sample_rate
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    assert abs(int(spectrum.argmax()) * rate / len(samples) - 440) < 5


async def test_pictures_are_decoded_from_the_first_read_on_which_asks_for_a_whole_one(
    session: RtpSession,
) -> None:
    receiver = session.receiver(VIDEO, "VP8")
    camera = Camera(DARK)
    session.sender(VIDEO, "VP8", track=camera)
    await wait_until(lambda: camera.given > 10)
    before = await inbound_of(receiver)
    assert (before.framesDecoded, before.pliCount) == (0, 0)
    assert before.framesReceived is not None
    assert before.framesReceived > 2
    camera.luma = BRIGHT
    begun = asyncio.get_running_loop().time()
    ((luma, _),) = await next_video(receiver, 1)
    after = await inbound_of(receiver)
    took = asyncio.get_running_loop().time() - begun
    # It is asked again after 0.3 s, and a sender makes a key frame each 0.5 s at most.
    assert 1 <= after.pliCount <= 2 + took / 0.3
    assert after.keyFramesDecoded == 1
    assert abs(luma - BRIGHT) < 12


async def test_track_that_fails_leaves_a_sender_that_takes_the_next(
    session: RtpSession, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = session.receiver(VIDEO, "VP8")
    broken = QueueTrack(VIDEO)
    broken.push(RuntimeError("the camera fell off"))
    sender = session.sender(VIDEO, "VP8", track=broken)
    await wait_until(lambda: "the camera fell off" in caplog.text)
    assert "counts as ended" in caplog.text
    assert sender.track is broken
    await sender.replaceTrack(Camera(120))
    await wait_for_luma(receiver, 120)


async def test_frame_that_cannot_be_encoded_costs_itself_only(
    session: RtpSession, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = session.receiver(VIDEO, "VP8")
    camera = Camera(120)
    # RFC 6386 section 9.1: the width has 14 bits.
    camera.size = 16_400, 16
    sender = session.sender(VIDEO, "VP8", track=camera)
    await wait_until(lambda: "could not be sent" in caplog.text)
    assert rtp_sent(session.left) == []
    camera.size = 64, 48
    await wait_for_luma(receiver, 120)
    assert session.senders[sender].started


async def test_bye_does_not_end_the_track(session: RtpSession) -> None:
    receiver = session.receiver(VIDEO, "VP8")
    former = session.sender(VIDEO, "VP8", track=Camera(DARK))
    await next_video(receiver, 2)
    heard_before = session.right.engine.counters.rtcp
    await session.senders[former].stop()
    await wait_until(lambda: session.right.engine.counters.rtcp > heard_before)
    assert receiver.track.readyState == "live"


async def test_lost_packets_are_sent_again_though_no_rtx_stream_was_announced(
    session: RtpSession,
) -> None:
    receiver = session.receiver(VIDEO, "VP8")
    sender = session.sender(VIDEO, "VP8", track=Camera(DARK))
    counts: Counter[int] = Counter()
    await next_video(receiver, 2)

    def keep(packet: bytes) -> bool:
        if is_rtcp(packet):
            return True
        ssrc = RtpPacket.parse(packet).ssrc
        counts[ssrc] += 1
        return ssrc != sender.ssrc or counts[ssrc] % 4 != 2

    session.left.wire.keep = keep
    times = [pts for _, pts in await next_video(receiver, 36)]
    # Whatever was encoded is seen, though each fourth packet was lost.
    sent = {packet.timestamp for packet in rtp_sent(session.left, ssrc=sender.ssrc)}
    begin = rtp_sent(session.left, ssrc=sender.ssrc)[0].timestamp
    expected = sorted((stamp - begin) % 2**32 for stamp in sent)
    start = expected.index(times[0])
    assert times == expected[start : start + 36]
    assert counts[sender.rtx_ssrc] >= 7


async def test_one_nack_costs_each_packet_once(session: RtpSession) -> None:
    session.receiver(VIDEO, "VP8")
    track = QueueTrack(VIDEO)
    sender = session.sender(VIDEO, "VP8", track=track)
    track.push(flat_picture(64, 48))
    await wait_until(lambda: bool(rtp_sent(session.left)))
    number = rtp_sent(session.left)[0].sequence_number
    one = write((Nack(1, sender.ssrc, (number,)),))
    # RFC 4585 section 6.2.1: 300 entries of four octets, which all name the same packet.
    many = one[:2] + (2 + 300).to_bytes(2, "big") + one[4:12] + one[12:16] * 300
    for compound in (many, one, one):
        session.left.engine.on_rtcp(compound)
    assert session.left.engine.counters.malformed == 0
    await wait_until(lambda: bool(rtp_sent(session.left, ssrc=sender.rtx_ssrc)))
    await moment(0.1)
    assert len(rtp_sent(session.left, ssrc=sender.rtx_ssrc)) == 1


async def test_tones_reach_the_peer_among_the_sound(session: RtpSession) -> None:
    names = "opus", "telephone-event"
    receiver = session.receiver(AUDIO, *names)
    tones = receiver.tones()
    sender = session.sender(AUDIO, *names, track=Microphone(440))
    assert sender.dtmf is not None
    await next_audio(receiver, 2)
    sender.dtmf.insertDTMF("1#", 60, 40)
    async with asyncio.timeout(DEADLINE):
        assert [await anext(tones), await anext(tones)] == [
            DtmfTone("1", 0.06),
            DtmfTone("#", 0.06),
        ]
    await next_audio(receiver, 5)


async def test_statistics_of_both_ends_agree(session: RtpSession) -> None:
    begun = asyncio.get_running_loop().time()
    receiver = session.receiver(VIDEO, "VP8")
    sender = session.sender(VIDEO, "VP8", track=Camera(DARK))
    await next_video(receiver, 10)

    async def told() -> RemoteInboundRtpStats | None:
        entries = tuple((await sender.getStats()).values())
        return next((each for each in entries if isinstance(each, RemoteInboundRtpStats)), None)

    async with asyncio.timeout(DEADLINE):
        while (remote := await told()) is None or remote.roundTripTime is None:
            await moment(0.05)
    assert remote.packetsLost == 0
    assert remote.roundTripTime < asyncio.get_running_loop().time() - begun
    session.senders[sender].update(None)
    # What is being encoded and what is on its way are in neither count, or in both, before long.
    async with asyncio.timeout(DEADLINE):
        while True:
            await moment(0.05)
            sent, received = await sender.getStats(), await receiver.getStats()
            (outbound,) = [each for each in sent.values() if isinstance(each, OutboundRtpStats)]
            (inbound,) = [each for each in received.values() if isinstance(each, InboundRtpStats)]
            if outbound.packetsSent == inbound.packetsReceived:
                break
    (heard_of,) = [each for each in received.values() if isinstance(each, RemoteOutboundRtpStats)]
    assert (outbound.type, inbound.type) == ("outbound-rtp", "inbound-rtp")
    assert outbound.ssrc == inbound.ssrc == sender.ssrc
    assert outbound.packetsSent == inbound.packetsReceived == len(rtp_sent(session.left))
    assert outbound.bytesSent == inbound.bytesReceived > 0
    assert (outbound.framesSent, inbound.packetsLost) == (inbound.framesReceived, 0)
    assert inbound.framesDecoded is not None
    assert inbound.framesDecoded >= 10
    assert 0 < heard_of.packetsSent <= outbound.packetsSent
    # At the last report there were no more packets than now.
    assert remote.packetsReceived is not None
    assert 0 < remote.packetsReceived <= outbound.packetsSent


async def test_stop_leaves_no_thread_and_no_task_and_ends_the_track(session: RtpSession) -> None:
    tasks = asyncio.all_tasks()
    receiver = session.receiver(VIDEO, "VP8")
    camera = Camera(DARK)
    sender = session.sender(VIDEO, "VP8", track=camera)
    await next_video(receiver, 4)
    await asyncio.gather(session.senders[sender].stop(), session.receivers[receiver].stop())
    assert not [thread for thread in threading.enumerate() if "decoder" in thread.name]
    await wait_until(lambda: asyncio.all_tasks() == tasks)
    assert (receiver.track.readyState, camera.readyState) == ("ended", "live")
    with pytest.raises(MediaStreamError):
        await next_video(receiver, 100)
