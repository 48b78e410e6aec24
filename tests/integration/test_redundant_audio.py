"""Redundant audio (RFC 2198) between two of our ends: to listeners, and into a recording."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import av
from av.container import InputContainer

from media import Recorder, SyntheticAudioTrack
from peer import PeerConnection
from peer.rtp.inbound.stats import InboundRtpStats
from tests.support.links.udp_relay import negotiate_over, udp_relay
from tests.support.negotiation.connections import loopback, within

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from peer.rtp.encoded_frame import EncodedFrame

#: Frames that are received.
COUNT = 60


def every_fifth_is_lost(data: bytes) -> bool:
    is_rtp = 128 <= data[0] <= 191 and not 192 <= data[1] <= 223
    return not is_rtp or int.from_bytes(data[2:4], "big") % 5 != 0


async def _taken(frames: AsyncIterator[EncodedFrame]) -> list[EncodedFrame]:
    taken: list[EncodedFrame] = []
    async for frame in frames:
        taken.append(frame)
        if len(taken) == COUNT:
            break
    return taken


async def test_sound_is_whole_where_every_fifth_packet_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "sound.webm"
    recorder = Recorder(path)
    with udp_relay() as relay:
        relay.passes = every_fifth_is_lost
        async with PeerConnection(loopback()) as speaker, PeerConnection(loopback()) as listener:
            speaker.addTrack(SyntheticAudioTrack(pitch=440))
            (transceiver,) = speaker.getTransceivers()
            transceiver.setCodecPreferences(["audio/red", "audio/opus"])
            await negotiate_over(relay, speaker, listener)
            await within(asyncio.gather(speaker.connected(), listener.connected()))
            (receiver,) = listener.getReceivers()
            recorder.addTrack(receiver.track)
            await recorder.start()
            frames = await within(_taken(receiver.encoded_frames(limit=1000)))
            for _ in range(COUNT // 2):
                await within(receiver.track.recv())
            stats = (await receiver.getStats()).values()
            await recorder.stop()
    (inbound,) = [each for each in stats if isinstance(each, InboundRtpStats)]
    assert not any(frame.gap for frame in frames[1:])
    assert inbound.packetsLost >= COUNT // 6
    # Without copies, 960 samples are concealed for each packet lost.
    assert inbound.concealedSamples < inbound.packetsLost * 960 / 4
    with av.open(str(path)) as file:
        assert isinstance(file, InputContainer)
        packets = [each for each in file.demux(audio=0) if each.pts is not None]
    times = [each.pts * each.time_base for each in packets if each.pts is not None]
    assert len(times) >= COUNT
    # A busy source may leave out some; without copies, every fifth is missing.
    holes = [later - former > Fraction(21, 1000) for former, later in pairwise(times)]
    assert sum(holes) < len(times) / 10
