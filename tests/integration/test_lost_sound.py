"""Lost sound that is asked for again between two of our ends, recorded without the holes."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import av
import pytest
from av.container import InputContainer

from media import Recorder, SyntheticAudioTrack
from peer import PeerConnection
from peer.rtp.inbound.stats import InboundRtpStats
from peer.rtp.outbound.stats import OutboundRtpStats
from tests.support.links.first_losses import FirstLosses
from tests.support.links.udp_relay import negotiate_over, udp_relay
from tests.support.negotiation.connections import loopback, within

if TYPE_CHECKING:
    from pathlib import Path

    from peer.rtp.encoded_frame import EncodedFrame

#: Frames that are recorded.
COUNT = 60


@pytest.mark.parametrize("codec", ["audio/opus", "audio/PCMU"])
async def test_sound_is_recorded_whole_where_every_fifth_packet_is_lost_at_first(
    tmp_path: Path, codec: str
) -> None:
    link, recorder = FirstLosses(), Recorder(tmp_path / "sound.mkv")
    with udp_relay() as relay:
        relay.passes = link.passes
        async with PeerConnection(loopback()) as speaker, PeerConnection(loopback()) as bot:
            speaker.addTrack(SyntheticAudioTrack(pitch=440))
            (transceiver,) = speaker.getTransceivers()
            transceiver.setCodecPreferences([codec])
            await negotiate_over(relay, speaker, bot)
            (receiver,) = bot.getReceivers()
            recorder.addTrack(receiver.track)
            await recorder.start()
            frames: list[EncodedFrame] = []
            async with asyncio.timeout(60):
                async for frame in receiver.encoded_frames(limit=1000):
                    frames.append(frame)
                    if len(frames) == COUNT:
                        break
            received = (await receiver.getStats()).values()
            sent = (await speaker.getStats()).values()
            await within(recorder.stop())
    (inbound,) = [each for each in received if isinstance(each, InboundRtpStats)]
    (outbound,) = [each for each in sent if isinstance(each, OutboundRtpStats)]
    assert inbound.nackCount >= COUNT // 6
    assert outbound.retransmittedPacketsSent >= COUNT // 6
    # Byte for byte: under one nonce AES-GCM bears no second header.
    assert all(len(set(datagrams)) == 1 for datagrams in link.sent.values())
    # Without repairs every fifth is missing; a machine that is behind may be too late for some.
    assert sum(frame.gap for frame in frames[1:]) < COUNT / 10
    with av.open(str(tmp_path / "sound.mkv")) as file:
        assert isinstance(file, InputContainer)
        packets = [each for each in file.demux(audio=0) if each.pts is not None]
    times = [each.pts * each.time_base for each in packets if each.pts is not None]
    # The last ones may be on their way to the recorder as it ends.
    assert len(times) > COUNT * 0.9
    holes = [later - former > Fraction(21, 1000) for former, later in pairwise(times)]
    assert sum(holes) < len(times) / 10
