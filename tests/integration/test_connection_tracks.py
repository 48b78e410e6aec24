"""Tracks and transceivers of a connection: W3C webrtc-pc sections 5.1 and 5.4."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peer import (
    ConfigurationError,
    InvalidAccessError,
    InvalidStateError,
    PeerConnection,
    SdpType,
    SessionDescription,
)
from tests.support.connection_media import BLUE, GREEN, RED, ColourTrack, ToneTrack, sees
from tests.support.connection_state import refused, unchanged
from tests.support.connections import (
    answer,
    connect,
    exchange,
    expected,
    happened,
    local,
    loopback,
    offer,
    pair,
    within,
)

if TYPE_CHECKING:
    from peer import RtpTransceiver, TrackEvent

ROLLBACK = SessionDescription("", SdpType.ROLLBACK)


def sections(pc: PeerConnection) -> list[str]:
    """The m-sections of our description."""
    return local(pc).sdp.split("m=")[1:]


def only(pc: PeerConnection) -> RtpTransceiver:
    """Its one transceiver."""
    (transceiver,) = pc.getTransceivers()
    return transceiver


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


@pytest.mark.parametrize(
    ("ours", "answers", "settled"),
    [
        ("sendrecv", "sendrecv", ("sendrecv", "sendrecv")),
        ("sendrecv", "recvonly", ("sendonly", "recvonly")),
        ("sendrecv", "sendonly", ("recvonly", "sendonly")),
        ("sendrecv", "inactive", ("inactive", "inactive")),
        ("sendonly", "sendrecv", ("sendonly", "recvonly")),
        ("recvonly", "sendrecv", ("recvonly", "sendonly")),
        ("recvonly", "recvonly", ("inactive", "inactive")),
        ("inactive", "sendrecv", ("inactive", "inactive")),
    ],
)
async def test_directions_meet(ours: str, answers: str, settled: tuple[str, str]) -> None:
    async with pair() as (left, right):
        transceiver = left.addTransceiver("audio", direction=ours)
        await offer(left, right)
        only(right).direction = answers
        await answer(right, left)

        assert (transceiver.currentDirection, only(right).currentDirection) == settled
        assert (transceiver.direction, only(right).direction) == (ours, answers)


@pytest.mark.parametrize(
    ("kind", "direction"), [("text", "sendrecv"), ("audio", "both"), ("audio", "stopped")]
)
async def test_a_transceiver_of_no_kind_or_direction_is_refused(kind: str, direction: str) -> None:
    async with PeerConnection(loopback()) as pc, refused(pc, ValueError, "is not a valid"):
        pc.addTransceiver(kind, direction=direction)


async def test_a_transceiver_may_be_made_for_a_track() -> None:
    async with pair() as (left, right):
        coming = expected(right, "track")
        transceiver = left.addTransceiver(ColourTrack(GREEN), direction="sendonly", streams=["s"])
        await connect(left, right)
        event = await within(coming)

        assert transceiver.sender.track is not None
        assert event.streams == ("s",)
        await sees(event.track, GREEN)


async def test_a_direction_can_be_changed_and_changed_back() -> None:
    async with pair() as (left, right):
        left.addTrack(ColourTrack(RED))
        coming = expected(right, "track")
        await connect(left, right)
        event = await within(coming)
        await sees(event.track, RED)

        only(left).direction = "inactive"
        await exchange(left, right)
        assert only(right).currentDirection == "inactive"
        assert event.track.readyState == "live"

        only(left).direction = "sendrecv"
        again = expected(right, "track")
        await exchange(left, right)

        assert (await within(again)).track is event.track
        await sees(event.track, RED)


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


async def test_a_transceiver_that_was_never_offered_stops_at_once() -> None:
    async with PeerConnection(loopback()) as pc:
        transceiver = pc.addTransceiver("audio")
        await transceiver.stop()

        assert transceiver.stopped
        assert transceiver.direction == transceiver.currentDirection == "stopped"
        assert pc.getTransceivers() == []
        assert transceiver.receiver.track.readyState == "ended"


async def test_a_transceiver_is_stopped_by_an_exchange() -> None:
    async with pair() as (left, right):
        mine, data = left.addTransceiver("audio"), left.createDataChannel("x")
        await connect(left, right)
        theirs = only(right)
        ending = expected(theirs.receiver.track, "ended")

        await mine.stop()
        assert (mine.direction, mine.currentDirection) == ("stopped", "sendonly")
        assert not mine.stopped
        await exchange(left, right)

        for pc, transceiver in ((left, mine), (right, theirs)):
            assert transceiver.stopped
            assert transceiver.mid is None
            assert pc.getTransceivers() == []
            assert sections(pc)[0].startswith("audio 0 ")
        assert mine.receiver.track.readyState == "ended"
        await within(ending)
        assert data.readyState in ("connecting", "open")


async def test_the_answerer_can_refuse_an_m_section() -> None:
    async with pair() as (left, right):
        audio, video = left.addTransceiver("audio"), left.addTransceiver("video")
        await offer(left, right)
        await right.getTransceivers()[0].stop()
        await answer(right, left)
        assert audio.currentDirection == "inactive"
        await exchange(right, left)

        assert audio.stopped
        assert not video.stopped
        assert left.getTransceivers() == [video]


async def test_the_place_of_a_stopped_m_section_is_used_again() -> None:
    async with pair() as (left, right):
        first = left.addTransceiver("audio")
        left.addTransceiver("video")
        await connect(left, right)
        mid = first.mid
        await first.stop()
        await exchange(left, right)

        following = left.addTrack(ColourTrack(BLUE))
        coming = expected(right, "track")
        await exchange(left, right)

        assert [text.split()[0] for text in sections(left)] == ["video", "video"]
        assert next(t.mid for t in left.getTransceivers() if t.sender is following) not in (
            mid,
            None,
        )
        await sees((await within(coming)).track, BLUE)


async def test_the_answerer_uses_the_place_of_what_it_refused() -> None:
    async with pair() as (left, right):
        left.addTransceiver("audio").setCodecPreferences(["audio/opus"])
        left.createDataChannel("x")
        await offer(left, right)
        only(right).setCodecPreferences(["audio/PCMU"])
        await answer(right, left)

        right.addTrack(ColourTrack(GREEN))
        coming = expected(left, "track")
        await connect(right, left)

        assert [text.split()[0] for text in sections(left)] == ["video", "application"]
        await sees((await within(coming)).track, GREEN)


async def test_the_offerer_uses_the_place_of_what_was_refused() -> None:
    async with pair() as (left, right):
        left.addTransceiver("audio").setCodecPreferences(["audio/opus"])
        left.createDataChannel("x")
        await offer(left, right)
        only(right).setCodecPreferences(["audio/PCMU"])
        await answer(right, left)

        left.addTrack(ColourTrack(GREEN))
        coming = expected(right, "track")
        await connect(left, right)

        assert [text.split()[0] for text in sections(left)] == ["video", "application"]
        await sees((await within(coming)).track, GREEN)


async def test_stopping_twice_is_once() -> None:
    async with pair() as (left, right):
        transceiver = left.addTransceiver("audio")
        await connect(left, right)
        await transceiver.stop()
        await transceiver.stop()
        await exchange(left, right)
        async with unchanged(left):
            await transceiver.stop()


async def test_a_stopped_transceiver_has_no_direction_to_set() -> None:
    async with PeerConnection(loopback()) as pc:
        transceiver = pc.addTransceiver("audio")
        await transceiver.stop()
        with pytest.raises(InvalidStateError, match="stopped"):
            transceiver.direction = "sendrecv"


async def test_what_a_rollback_removed_is_dead_for_good() -> None:
    async with pair() as (left, right):
        left.addTransceiver("audio")
        await offer(left, right)
        removed = only(right)
        ending = expected(removed.receiver.track, "ended")
        await right.setRemoteDescription(ROLLBACK)
        following = right.addTransceiver("video")

        assert removed.stopped
        assert removed.mid is None
        assert right.getTransceivers() == [following]
        await within(ending)
        await removed.stop()
        assert not following.stopped
        with pytest.raises(InvalidAccessError, match="rollback"):
            removed.setCodecPreferences(["audio/opus"])


async def test_stopped_transceivers_do_not_pile_up() -> None:
    async with pair() as (left, right):
        for _ in range(5):
            transceiver = left.addTransceiver("audio")
            await exchange(left, right)
            await transceiver.stop()
            await exchange(left, right)

        assert len(sections(left)) == 1
        for pc in (left, right):
            kept = pc._control.world.transceivers  # noqa: SLF001 - a leak shows nowhere else
            assert not kept


async def test_codec_preferences_rule_the_offer_and_the_answer() -> None:
    async with pair() as (left, right):
        left.addTransceiver("video").setCodecPreferences(["video/H264", "video/VP8"])
        await offer(left, right)
        names = [row.split()[1] for row in sections(left)[0].splitlines() if "rtpmap" in row]
        assert names[0] == "H264/90000"
        assert "VP8/90000" in names

        only(right).setCodecPreferences(["video/VP8"])
        await answer(right, left)

        names = [row.split()[1] for row in sections(right)[0].splitlines() if "rtpmap" in row]
        assert set(names) <= {"VP8/90000", "rtx/90000"}


@pytest.mark.parametrize("codec", ["VP8", "audio/opus", "video"])
async def test_a_codec_of_another_kind_cannot_be_preferred(codec: str) -> None:
    async with PeerConnection(loopback()) as pc:
        transceiver = pc.addTransceiver("video")
        async with refused(pc, InvalidAccessError, "no video codec"):
            transceiver.setCodecPreferences([codec])


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
