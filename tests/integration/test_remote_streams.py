"""Streams and muting of the peer's tracks, as its descriptions change (webrtc-pc 4.4.1.5)."""

from __future__ import annotations

import pytest

from media import SyntheticAudioTrack
from peer import (
    InvalidAccessError,
    InvalidStateError,
    MediaStream,
    PeerConnection,
    SdpType,
    SessionDescription,
    TrackEvent,
)
from tests.support.negotiation.connections import (
    answer,
    connect,
    exchange,
    expected,
    offer,
    only,
    pair,
    until,
    within,
)


def told_of_tracks(pc: PeerConnection) -> list[TrackEvent]:
    events: list[TrackEvent] = []
    pc.on("track", events.append)
    return events


async def test_track_of_the_peer_is_in_a_stream_that_stays_the_same_object() -> None:
    async with pair() as (left, right):
        events = told_of_tracks(right)
        sender = left.addTrack(SyntheticAudioTrack(), MediaStream(id="first"))
        await exchange(left, right)
        (first,) = events[0].media_streams
        assert (first.id, first.getTracks()) == ("first", [events[0].track])

        added, removed = expected(first, "addtrack"), expected(first, "removetrack")
        sender.setStreams("second")
        await exchange(left, right)
        assert (await within(removed)).track is events[0].track
        assert first.getTracks() == []
        (second,) = events[1].media_streams
        assert (second.id, events[1].resumed) == ("second", True)

        sender.setStreams("first", "second")
        await exchange(left, right)
        assert (await within(added)).track is events[0].track
        assert events[2].media_streams == (first, second)
        assert len(events) == 3


async def test_track_leaves_its_stream_where_the_peer_takes_it_away() -> None:
    async with pair() as (left, right):
        events = told_of_tracks(right)
        sender = left.addTrack(SyntheticAudioTrack(), "voice")
        await exchange(left, right)
        (stream,) = events[0].media_streams
        removed = expected(stream, "removetrack")

        left.removeTrack(sender)
        await offer(left, right)
        assert (await within(removed)).track is events[0].track
        assert events[0].track.readyState == "live"

        # A rollback brings it back.
        await right.setRemoteDescription(SessionDescription("", SdpType.ROLLBACK))
        assert stream.getTracks() == [events[0].track]


async def test_track_is_muted_until_media_comes_and_while_the_peer_holds_it() -> None:
    async with pair() as (left, right):
        events = told_of_tracks(right)
        transceiver = left.addTransceiver(SyntheticAudioTrack())
        await exchange(left, right)
        track = only(right).receiver.track
        assert (len(events), track.muted) == (1, True)

        unmuted = expected(track, "unmute")
        await connect(left, right)
        await within(unmuted)

        muted = expected(track, "mute")
        transceiver.direction = "inactive"
        await exchange(left, right)
        await within(muted)
        assert track.muted

        unmuted = expected(track, "unmute")
        transceiver.direction = "sendonly"
        await exchange(left, right)
        await within(unmuted)
        await until(lambda: len(events) == 2)


async def test_set_streams_asks_for_negotiation_only_where_something_changes() -> None:
    async with pair() as (left, right):
        sender = left.addTrack(SyntheticAudioTrack(), "voice")
        await offer(left, right)
        await answer(right, left)
        needed = expected(left, "negotiationneeded")

        sender.setStreams("voice", "voice")
        assert (await left.createOffer()).sdp.count("a=msid:voice ") == 1
        assert not needed.done()

        sender.setStreams("voice", MediaStream(id="others"))
        await within(needed)
        sender.setStreams()
        assert "a=msid:- " in (await left.createOffer()).sdp


async def test_set_streams_refuses_an_id_that_no_description_can_have() -> None:
    async with pair() as (left, _):
        sender = left.addTrack(SyntheticAudioTrack(), "voice")
        with pytest.raises(InvalidAccessError, match="no stream id"):
            sender.setStreams("two words")
        assert "a=msid:voice " in (await left.createOffer()).sdp
        await left.close()
        with pytest.raises(InvalidStateError):
            sender.setStreams("other")


async def test_track_of_a_stopped_transceiver_is_removed_without_an_error() -> None:
    async with pair() as (left, right):
        transceiver = left.addTransceiver("audio")
        await transceiver.stop()
        left.removeTrack(transceiver.sender)
        with pytest.raises(InvalidAccessError):
            right.removeTrack(transceiver.sender)
