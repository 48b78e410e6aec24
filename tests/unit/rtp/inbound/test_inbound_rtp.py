"""The arrival times of packets that were held until the peer was verified."""

from __future__ import annotations

import asyncio

from peer.rtp.inbound.inbound_rtp import InboundRtp
from peer.rtp_parameters import MediaKind
from tests.support.clock.deadline import DEADLINE
from tests.support.media.encoded_frames import OPUS
from tests.support.rtp.media_packets import AudioPackets, FakeEngine, receiving


async def test_packets_held_until_verification_are_no_jitter_and_all_decoded() -> None:
    engine = FakeEngine(100.0)
    media = InboundRtp(MediaKind.AUDIO, lambda: 102.0)
    media.start(engine, receiving(OPUS), 99)

    async def read() -> None:
        for _ in range(64):
            await media.decoding.track.recv()

    reader = asyncio.create_task(read())
    await asyncio.wait([reader], timeout=0)
    source = AudioPackets()
    # 64 packets that came 20 ms apart are handed up in one go.
    for _ in range(64):
        engine.feed([source.packet()])
        engine.now += 0.02
    assert media.decoding.jitter_buffer.target < 0.05
    async with asyncio.timeout(DEADLINE):
        await reader
    assert media.decoding.counters.dropped == 0
    media.stop()
    await media.decoding.ended()
