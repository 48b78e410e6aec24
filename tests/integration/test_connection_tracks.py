"""Tracks of a connection: added, replaced, removed, received (webrtc-pc section 5.1)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from peer import (
    ConfigurationError,
    InvalidAccessError,
    PeerConnection,
    SdpType,
    SessionDescription,
)
from tests.support.negotiation.connection_media import (
    BLUE,
    GREEN,
    RED,
    ColourTrack,
    ToneTrack,
    sees,
)
from tests.support.negotiation.connection_state import refused, unchanged
from tests.support.negotiation.connections import (
    answer,
    connect,
    exchange,
    expected,
    happened,
    loopback,
    offer,
    only,
    pair,
    sections,
    within,
)

if TYPE_CHECKING:
    from peer import TrackEvent

ROLLBACK = SessionDescription("", SdpType.ROLLBACK)


async def test_add_track_makes_a_transceiver_that_sends_and_receives() -> None:
    async with PeerConnection(loopback()) as pc:
        track = ToneTrack(440)
        sender = pc.addTrack(track)

        assert sender.track is track
        assert pc.getSenders() == [sender]
        assert pc.getReceivers() == [only(pc).receiver]
        assert (only(pc).kind, only(pc).mid, only(pc).direction) == ("audio", None, "sendrecv")
        assert only(pc).currentDirection is None


async def test_a_track_is_added_once() -> None:
    async with PeerConnection(loopback()) as pc:
        track = ToneTrack(440)
        pc.addTrack(track)
        async with refused(pc, InvalidAccessError, "sent already"):
            pc.addTrack(track)


async def test_add_track_uses_a_transceiver_that_has_never_sent() -> None:
    async with PeerConnection(loopback()) as pc:
        video = pc.addTransceiver("video", direction="recvonly")
        audio = pc.addTransceiver("audio", direction="recvonly")

        assert pc.addTrack(ToneTrack(440)) is audio.sender
        assert (audio.direction, video.direction) == ("sendrecv", "recvonly")
        assert pc.addTrack(ToneTrack(440)) is not audio.sender


async def test_add_track_answers_on_the_m_section_of_the_offer() -> None:
    async with pair() as (left, right):
        left.addTrack(ColourTrack(RED))
        await offer(left, right)
        right.addTrack(ColourTrack(BLUE))
        coming = expected(left, "track")
        await answer(right, left)

        assert len(sections(right)) == 1
        assert only(right).currentDirection == only(left).currentDirection == "sendrecv"
        await sees((await within(coming)).track, BLUE)


async def test_the_streams_of_a_track_reach_the_peer() -> None:
    async with pair() as (left, right):
        streams: list[tuple[str, ...]] = []
        right.on("track", lambda event: streams.append(event.streams))
        left.addTrack(ToneTrack(440), "camera", "screen")
        left.addTrack(ToneTrack(440))
        left.addTrack(ToneTrack(440))
        await offer(left, right)

        assert streams[0] == ("camera", "screen")
        # Those that were given none are of one stream, so that a browser plays them together.
        assert streams[1] == streams[2] != ()


async def test_a_track_event_names_what_belongs_together() -> None:
    async with pair() as (left, right):
        left.addTrack(ToneTrack(440))
        coming = expected(right, "track")
        await offer(left, right)
        event: TrackEvent = await within(coming)

        assert event.transceiver is only(right)
        assert event.receiver is event.transceiver.receiver
        assert event.track is event.receiver.track
        assert event.track.kind == "audio"


async def test_replace_track_needs_no_negotiation() -> None:
    async with pair() as (left, right):
        former, following = ColourTrack(RED), ColourTrack(BLUE)
        sender = left.addTrack(former)
        coming = expected(right, "track")
        await connect(left, right)
        track = (await within(coming)).track
        await sees(track, RED)

        needed = expected(left, "negotiationneeded")
        await sender.replaceTrack(following)
        await sees(track, BLUE)

        assert not needed.done()
        assert sender.track is following
        assert former.readyState == "live"


async def test_replace_track_before_negotiation() -> None:
    async with pair() as (left, right):
        transceiver = left.addTransceiver("video")
        await transceiver.sender.replaceTrack(ColourTrack(GREEN))
        coming = expected(right, "track")
        await connect(left, right)

        await sees((await within(coming)).track, GREEN)


async def test_a_sender_keeps_to_its_kind() -> None:
    async with PeerConnection(loopback()) as pc:
        track = ToneTrack(440)
        sender = pc.addTrack(track)
        async with refused(pc, ConfigurationError, "kind audio"):
            await sender.replaceTrack(ColourTrack(RED))

        assert sender.track is track


async def test_remove_track_keeps_the_m_section_for_the_other_way() -> None:
    async with pair() as (left, right):
        track = ToneTrack(440)
        sender = left.addTrack(track)
        await connect(left, right)
        left.removeTrack(sender)
        assert (only(left).direction, sender.track) == ("recvonly", None)
        assert track.readyState == "live"

        await exchange(left, right)

        # The peer sends nothing, and now nobody does.
        assert only(left).currentDirection == only(right).currentDirection == "inactive"
        assert len(sections(left)) == 1


async def test_remove_track_twice_is_once() -> None:
    async with PeerConnection(loopback()) as pc:
        sender = pc.addTrack(ToneTrack(440))
        pc.removeTrack(sender)
        async with unchanged(pc):
            pc.removeTrack(sender)


async def test_a_sender_of_another_connection_cannot_be_removed() -> None:
    async with pair() as (left, right):
        sender = left.addTrack(ToneTrack(440))
        async with refused(right, InvalidAccessError, "another connection"):
            right.removeTrack(sender)


async def test_a_track_that_was_removed_may_be_added_again() -> None:
    async with pair() as (left, right):
        track = ColourTrack(RED)
        left.removeTrack(left.addTrack(track))
        left.addTrack(track)
        coming = expected(right, "track")
        await connect(left, right)

        await sees((await within(coming)).track, RED)


async def test_tracks_end_with_the_connection_and_sources_do_not() -> None:
    async with pair() as (left, right):
        source = ColourTrack(RED)
        left.addTrack(source)
        coming = expected(right, "track")
        await connect(left, right)
        track = (await within(coming)).track
        await sees(track, RED)

        ending = expected(track, "ended")
        await right.close()
        await within(ending)
        await left.close()

        assert track.readyState == "ended"
        assert source.readyState == "live"


async def test_two_tracks_swap_places() -> None:
    async with pair() as (left, right):
        senders = [left.addTrack(ColourTrack(colour)) for colour in (RED, BLUE)]
        tracks: list[TrackEvent] = []
        right.on("track", tracks.append)
        await connect(left, right)
        await asyncio.gather(sees(tracks[0].track, RED), sees(tracks[1].track, BLUE))

        first, second = (sender.track for sender in senders)
        await senders[0].replaceTrack(second)
        await senders[1].replaceTrack(first)

        await asyncio.gather(sees(tracks[0].track, BLUE), sees(tracks[1].track, RED))


async def test_a_need_to_send_is_told_by_add_track_on_a_received_m_section() -> None:
    async with pair() as (left, right):
        left.addTransceiver("audio")
        await connect(left, right)
        right.addTrack(ToneTrack(440))

        await happened(right, "negotiationneeded")
        assert only(right).direction == "sendrecv"
