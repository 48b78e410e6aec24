"""Transceivers of a connection: directions, codecs and their end (webrtc-pc section 5.4)."""

from __future__ import annotations

import pytest

from peer import (
    InvalidAccessError,
    InvalidStateError,
    PeerConnection,
    SdpType,
    SessionDescription,
)
from tests.support.negotiation.connection_media import GREEN, RED, ColourTrack, sees
from tests.support.negotiation.connection_state import refused, unchanged
from tests.support.negotiation.connections import (
    answer,
    connect,
    exchange,
    expected,
    loopback,
    offer,
    only,
    pair,
    sections,
    within,
)

ROLLBACK = SessionDescription("", SdpType.ROLLBACK)


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
async def test_transceiver_directions_are_the_intersection_of_both_ends(
    ours: str, answers: str, settled: tuple[str, str]
) -> None:
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


async def test_an_m_section_without_a_common_codec_is_refused_by_itself() -> None:
    async with pair() as (left, right):
        audio, video = left.addTransceiver("audio"), left.addTransceiver("video")
        audio.setCodecPreferences(["audio/PCMU"])
        await offer(left, right)
        right.getTransceivers()[0].setCodecPreferences(["audio/opus"])
        await answer(right, left)

        assert audio.stopped
        assert not video.stopped
        assert left.getTransceivers() == [video]


async def test_transceiver_stopped_twice_is_stopped_once() -> None:
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


async def test_transceiver_removed_by_rollback_stays_stopped() -> None:
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
            kept = pc._core.executor.transceivers  # noqa: SLF001 - a leak shows nowhere else
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


async def test_offer_that_rejects_an_m_section_ends_its_track_before_the_answer() -> None:
    async with pair() as (left, right):
        stopped = left.addTransceiver("audio")
        await exchange(left, right)
        theirs = only(right)
        ended = expected(theirs.receiver.track, "ended")
        await stopped.stop()
        await offer(left, right)

        assert only(right) is theirs
        assert (theirs.direction, theirs.currentDirection, theirs.mid) == (
            "stopped",
            "stopped",
            "0",
        )
        assert theirs.receiver.track.readyState == "live"
        await within(ended)
        await right.setRemoteDescription(ROLLBACK)
        assert (theirs.direction, theirs.currentDirection) == ("stopped", "stopped")
        await offer(left, right)
        await answer(right, left)
        assert right.getTransceivers() == left.getTransceivers() == []


async def test_track_of_a_stopped_transceiver_ends_in_a_later_turn() -> None:
    async with pair() as (left, right):
        transceiver = left.addTransceiver("audio")
        await exchange(left, right)
        ended = expected(transceiver.receiver.track, "ended")
        stopping = transceiver.stop()
        step = stopping.send(None)
        assert transceiver.direction == "stopped"
        assert transceiver.receiver.track.readyState == "live"
        with pytest.raises(InvalidStateError):
            await transceiver.sender.replaceTrack(None)
        await within(ended)
        assert step is not None
        stopping.close()


async def test_transceivers_of_a_closed_connection_are_stopped_at_once() -> None:
    async with pair() as (left, right):
        transceiver = left.addTransceiver("audio")
        await exchange(left, right)
        closing = left.close()
        closing.send(None)
        assert (transceiver.direction, transceiver.currentDirection) == ("stopped", "stopped")
        with pytest.raises(InvalidStateError):
            await transceiver.sender.replaceTrack(None)
        closing.close()
