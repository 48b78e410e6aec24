"""A rollback as the application sees it: the state passes through `stable`, offers stay usable."""

from __future__ import annotations

from peer import PeerConnection, SdpType, SessionDescription
from tests.support.negotiation.connections import loopback

ROLLBACK = SessionDescription("", SdpType.ROLLBACK)


async def offered(pc: PeerConnection) -> SessionDescription:
    """Set an offer, and give it with its candidates."""
    await pc.setLocalDescription()
    await pc.gathering_complete()
    assert pc.localDescription is not None
    return pc.localDescription


async def test_an_offer_that_rolls_ours_back_passes_through_stable() -> None:
    async with PeerConnection(loopback()) as left, PeerConnection(loopback()) as right:
        left.addTransceiver("audio")
        right.addTransceiver("audio")
        theirs = await offered(left)
        await right.setLocalDescription()
        states: list[str] = []
        right.on("signalingstatechange", lambda: states.append(right.signalingState))
        await right.setRemoteDescription(theirs)
        await right.setLocalDescription()
        assert states == ["stable", "have-remote-offer", "stable"]


async def test_an_offer_made_before_a_rollback_can_be_set_after_it() -> None:
    async with PeerConnection(loopback()) as left, PeerConnection(loopback()) as right:
        left.addTransceiver("video")
        right.addTransceiver("audio")
        theirs = await offered(left)
        ours = await right.createOffer()
        await right.setRemoteDescription(theirs)
        await right.setRemoteDescription(ROLLBACK)
        await right.setLocalDescription(ours)
        assert right.signalingState == "have-local-offer"
        assert [each.mid for each in right.getTransceivers()] == ["0"]
        # And once more: its own rollback takes nothing from it.
        await right.setLocalDescription(ROLLBACK)
        await right.setLocalDescription(ours)
        assert right.signalingState == "have-local-offer"
