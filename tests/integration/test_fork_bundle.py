"""Forks of an offer that is not bundled yet, by answers that bundle it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from peer import BundlePolicy, PeerConnection, SdpType
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.negotiation.connection_state import nothing_left
from tests.support.negotiation.connections import both_connected, local, loopback


@pytest.mark.parametrize("is_early", [True, False])
@in_virtual_time
async def test_answer_that_bundles_an_unbundled_offer_makes_a_fork(is_early: bool) -> None:
    left = loopback(bundlePolicy=BundlePolicy.BALANCED)
    async with nothing_left(), PeerConnection(left) as pc, PeerConnection(loopback()) as theirs:
        for kind in ("audio", "video"):
            pc.addTransceiver(kind)
        await pc.setLocalDescription()
        await theirs.setRemoteDescription(local(pc))
        answer = await theirs.createAnswer()
        if is_early:
            answer = replace(answer, type=SdpType.PRANSWER)
        await theirs.setLocalDescription(answer)
        async with await pc.fork(local(theirs)) as fork:
            await both_connected(fork, theirs)
            if is_early:
                await theirs.setLocalDescription()
                await fork.setRemoteDescription(local(theirs))
            assert fork.signalingState == theirs.signalingState == "stable"
            assert fork.connectionState == "connected"
