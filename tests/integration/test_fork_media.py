"""What each fork sends and receives."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from peer import EarlyMedia, PeerConnection
from peer.rtp.inbound.stats import InboundRtpStats
from tests.support.negotiation.connection_media import ColourTrack, ToneTrack, hears, sees
from tests.support.negotiation.connections import (
    both_connected,
    expected,
    local,
    loopback,
    within,
)
from tests.support.negotiation.forked_offer import forked_offer

if TYPE_CHECKING:
    from peer import TrackEvent

RED, GREEN = (81, 90, 240), (145, 54, 34)


async def test_forks_send_one_track_by_settings_and_transceivers_of_their_own() -> None:
    async with PeerConnection(loopback()) as pc, AsyncExitStack() as stack:
        track = ColourTrack(RED)
        sender = pc.addTrack(track)
        pc.getTransceivers()[0].receiver.jitterBufferTarget = 40.0
        parameters = sender.getParameters()
        parameters.encodings[0].maxBitrate = 300_000
        await sender.setParameters(parameters)
        await pc.setLocalDescription()
        forks = []
        for _ in range(2):
            theirs = await stack.enter_async_context(PeerConnection(loopback()))
            coming = expected(theirs, "track")
            await theirs.setRemoteDescription(local(pc))
            await theirs.setLocalDescription()
            forks.append(await stack.enter_async_context(await pc.fork(local(theirs))))
            await sees((await within(coming)).track, RED)
        (own,) = pc.getTransceivers()
        made = [each.getTransceivers()[0] for each in forks]
        assert len({id(each.sender) for each in (own, *made)}) == 3
        assert {(each.mid, each.sender.ssrc) for each in made} == {(own.mid, sender.ssrc)}
        assert all(each.sender.track is track for each in made)
        assert [each.receiver.jitterBufferTarget for each in made] == [40.0, 40.0]
        # What is set later is of one fork alone.
        changed = made[0].sender.getParameters()
        assert changed.encodings[0].maxBitrate == 300_000
        changed.encodings[0].maxBitrate = 100_000
        await made[0].sender.setParameters(changed)
        await made[0].sender.replaceTrack(None)
        assert made[1].sender.getParameters().encodings[0].maxBitrate == 300_000
        assert made[1].sender.track is sender.track is track


async def test_unverified_early_media_goes_on_in_the_fork_whose_peer_sends_it() -> None:
    configuration = loopback(bundlePolicy="max-bundle", early_media=EarlyMedia.UNVERIFIED)
    async with forked_offer(2, configuration) as at:
        (early,) = at.pc.getReceivers()
        # The first that was heard; the sound of others waits for their answers.
        await at.answerers[0].begun()
        await hears(early.track, at.answerers[0].pitch)
        assert not early.verified
        for each in at.answerers:
            made = await at.fork(each)
            await each.speaks_with(made)
            (receiver,) = made.getReceivers()
            assert receiver.verified
            assert receiver is not early
        assert early.track.readyState == "live"


async def test_statistics_of_a_fork_are_of_its_peer_alone() -> None:
    async with forked_offer(2) as at:
        forks = []
        for each in at.answerers:
            made = await at.fork(each)
            await each.speaks_with(made)
            forks.append(made)
        reports = [(await each.getStats()).values() for each in forks]
        streams = [[e for e in each if isinstance(e, InboundRtpStats)] for each in reports]
        assert [len(each) for each in streams] == [1, 1]
        assert len({each[0].ssrc for each in streams}) == 2
        assert not [e for e in (await at.pc.getStats()).values() if isinstance(e, InboundRtpStats)]


async def test_tracks_of_a_fork_are_told_of_by_its_own_event() -> None:
    async with PeerConnection(loopback()) as pc, PeerConnection(loopback()) as theirs:
        pc.addTransceiver("audio")
        told: list[TrackEvent] = []
        pc.on("track", told.append)
        await pc.setLocalDescription()
        await theirs.setRemoteDescription(local(pc))
        theirs.addTrack(ToneTrack(700))
        await theirs.setLocalDescription()
        async with await pc.fork(local(theirs)) as made:
            event = await within(expected(made, "track"))
            await both_connected(made, theirs)
            await hears(event.track, 700)
            assert told == []
