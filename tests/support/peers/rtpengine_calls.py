"""A call with sound between two of ours, whose descriptions go through rtpengine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from media import SyntheticAudioTrack
from peer import SdpType, SessionDescription
from tests.support.negotiation.connections import both_connected, gathered, only, within
from tests.support.peers.rtpengine import TOWARDS_US, Rtpengine, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peer import PeerConnection


async def sound_through(
    proxy: Rtpengine,
    caller: PeerConnection,
    callee: PeerConnection,
    *,
    to_callee: Mapping[str, Value],
    to_caller: Mapping[str, Value] = TOWARDS_US,
) -> str:
    """Call until sound has come to both ends.

    Args:
        proxy: What the descriptions go through.
        caller: The end that offers.
        callee: The other end.
        to_callee: What rtpengine is asked to make of the offer.
        to_caller: What it is asked to make of the answer.

    Returns:
        The offer that came to the callee.
    """
    tags = {"call_id": "call", "from_tag": "caller"}
    caller.addTrack(SyntheticAudioTrack())
    offer = await proxy.describe("offer", to_callee, sdp=(await gathered(caller)).sdp, **tags)
    await callee.setRemoteDescription(SessionDescription(offer, SdpType.OFFER))
    callee.addTrack(SyntheticAudioTrack())
    answer = await proxy.describe(
        "answer", to_caller, sdp=(await gathered(callee)).sdp, to_tag="callee", **tags
    )
    await caller.setRemoteDescription(SessionDescription(answer, SdpType.ANSWER))
    await both_connected(caller, callee)
    await asyncio.gather(_heard(caller), _heard(callee))
    return offer


async def _heard(pc: PeerConnection) -> None:
    """Wait until sound has come."""
    for _ in range(10):
        await within(only(pc).receiver.track.recv())
