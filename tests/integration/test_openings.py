"""Every pair of openings of two ends, whoever is polite: one session, once a call is accepted."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from peer import PeerConnection
from signaling import Negotiator, Opening, channel_pair
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.negotiation.connection_state import nothing_left
from tests.support.negotiation.connections import both_connected, loopback, reached


class _Side:
    """One end: its connection, and its negotiator with what it was told."""

    def __init__(self, pc: PeerConnection) -> None:
        self.pc = pc
        self.errors: list[Exception] = []

    def is_settled(self) -> bool:
        current = [each.currentDirection for each in self.pc.getTransceivers()]
        return self.pc.signalingState == "stable" and len(current) == 2 and None not in current


@pytest.mark.parametrize("polite_first", [True, False])
@pytest.mark.parametrize("openings", list(itertools.product(Opening, Opening)))
@in_virtual_time
async def test_two_ends_agree_however_each_opens_the_call(
    openings: tuple[Opening, Opening], polite_first: bool
) -> None:
    async with (
        nothing_left(),
        PeerConnection(loopback()) as one,
        PeerConnection(loopback()) as other,
    ):
        sides = (_Side(one), _Side(other))
        # So that offers and invitations cross.
        channels = channel_pair(delay=0.05)
        negotiators = [
            Negotiator(
                side.pc, channel, polite=polite, opening=opening, on_error=side.errors.append
            )
            for side, channel, polite, opening in zip(
                sides, channels, (polite_first, not polite_first), openings, strict=True
            )
        ]
        one.addTransceiver("audio")
        other.addTransceiver("video")
        running = [asyncio.create_task(each.run()) for each in negotiators]
        # Long enough for all that comes of itself.
        await asyncio.sleep(1)
        for side, opening in zip(sides, openings, strict=True):
            if opening is Opening.EARLY_ANSWER:
                assert side.pc.signalingState in ("stable", "have-local-pranswer")
        for negotiator in negotiators:
            negotiator.accept()
        for side in sides:
            await reached(side.pc, "signalingstatechange", side.is_settled)
        await both_connected(one, other)
        mids = [{(each.mid, each.kind) for each in side.pc.getTransceivers()} for side in sides]
        assert mids[0] == mids[1]
        assert [side.errors for side in sides] == [[], []]
        await channels[0].close()
        await asyncio.gather(*running)
