"""Redundant audio (RFC 2198) with Chromium, both ways, where every fifth packet is lost."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.browser.media_page import Subject, Wish, media_call
from tests.support.clock.deadline import DEADLINE
from tests.support.links.udp_relay import udp_relay
from tests.support.media.media_edits import only_ipv4

#: Losses after which what came back counts.
LOSSES = 30
#: Ticks of a packet of 20 ms.
STEP = 960


class EveryFifth:
    """Drops every fifth packet of media, and keeps what all that passed were by their headers.

    Attributes:
        types: Payload types of each SSRC.
        sounds: By SSRC and timestamp, whether the packet of that sound was dropped. Packets that
            only pad have the timestamp of the sound before them.
    """

    def __init__(self) -> None:
        self.types: dict[int, set[int]] = {}
        self.sounds: dict[int, dict[int, bool]] = {}

    def passes(self, data: bytes) -> bool:
        if not 128 <= data[0] <= 191 or 64 <= data[1] & 0x7F < 96:
            return True
        ssrc, dropped = int.from_bytes(data[8:12], "big"), int.from_bytes(data[2:4], "big") % 5 == 0
        self.types.setdefault(ssrc, set()).add(data[1] & 0x7F)
        timestamp = int.from_bytes(data[4:8], "big")
        self.sounds.setdefault(ssrc, {}).setdefault(timestamp, dropped)
        return not dropped

    def recoverable(self, ssrc: int, timestamp: int) -> bool:
        """Whether a sound was dropped, and the next one was not, which has a copy of it."""
        sounds = self.sounds[ssrc]
        return sounds[timestamp] and not sounds.get((timestamp + STEP) % 2**32, True)


@pytest.mark.browser("chromium")
async def test_red_of_chromium_brings_lost_sound_back_and_chromium_hears_ours() -> None:
    with udp_relay() as relay:
        link = EveryFifth()
        relay.passes = link.passes
        async with media_call("chromium") as call, asyncio.timeout(DEADLINE):

            def edit(sdp: str) -> str:
                return relay.rerouted(only_ipv4(sdp))

            wishes = [Wish(subject=Subject.DO, codec="red+opus")]
            await call.be_offered(wishes, [Subject.SO], edit=edit)
            assert await call.seen_here([Subject.DO]) == [Subject.DO]
            (receiver,) = call.pc.getReceivers()
            begun, came, wanted = 0, set[int](), set[int]()
            async for frame in receiver.encoded_frames():
                assert frame.codec.name == "opus"
                begun = begun or frame.timestamp
                came.add(frame.timestamp)
                # Timestamps wrap, and the first frame may come in the place of a later one.
                passed = {(begun + n * STEP) % 2**32 for n in range(1, len(came) - 1)}
                known = passed & link.sounds[frame.ssrc].keys()
                wanted = {each for each in known if link.recoverable(frame.ssrc, each)}
                if len(wanted) >= LOSSES:
                    break
            assert wanted <= came
            assert await call.seen_there([Subject.SO]) == [Subject.SO]
    # Both streams are of one payload type, that of RED: Chromium has 63 for it.
    assert list(link.types.values()) == [{63}, {63}]
