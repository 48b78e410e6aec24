"""Which events fire, how often and in which order (webrtc-pc sections 4.4.1.5, 4.4.1.6, 4.7)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from peer import IceCandidate, PeerConnection, SdpType, SessionDescription
from tests.support.negotiation.connections import (
    answer,
    both_connected,
    connect,
    connected_pair,
    exchange,
    expected,
    happened,
    local,
    loopback,
    offer,
    opened,
    pair,
    reached,
    trickling,
    within,
)

if TYPE_CHECKING:
    from peer import IceCandidateEvent

ROLLBACK = SessionDescription("", SdpType.ROLLBACK)

GATHERED = ["gathering gathering", "candidate", "end of candidates", "gathering complete", "null"]


class Journal:
    """Writes down every event of a connection, with what it says."""

    def __init__(self, pc: PeerConnection) -> None:
        self.entries: list[str] = []
        write = self.entries.append
        pc.on("signalingstatechange", lambda: write(f"signaling {pc.signalingState}"))
        pc.on("icegatheringstatechange", lambda: write(f"gathering {pc.iceGatheringState}"))
        pc.on("iceconnectionstatechange", lambda: write(f"ice {pc.iceConnectionState}"))
        pc.on("connectionstatechange", lambda: write(f"connection {pc.connectionState}"))
        pc.on("negotiationneeded", lambda: write("negotiationneeded"))
        pc.on("datachannel", lambda event: write(f"datachannel {event.channel.label}"))
        pc.on("track", lambda event: write(f"track {event.track.kind}"))
        pc.on("icecandidate", self._candidate)

    def of(self, *kinds: str) -> list[str]:
        """The entries of these kinds only."""
        return [entry for entry in self.entries if entry.startswith(kinds)]

    def _candidate(self, event: IceCandidateEvent) -> None:
        match event.candidate:
            case None:
                self.entries.append("null")
            case IceCandidate(candidate=""):
                self.entries.append("end of candidates")
            case _:
                self.entries.append("candidate")


async def turns(count: int = 5) -> None:
    """Let the loop run what is due."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_events_of_the_offerer_in_order() -> None:
    async with pair() as (offerer, answerer):
        journal = Journal(offerer)
        offerer.addTransceiver("audio")
        channel = offerer.createDataChannel("chat")
        await happened(offerer, "negotiationneeded")
        async with trickling(offerer, answerer), trickling(answerer, offerer):
            await offer(offerer, answerer)
            await reached(offerer, "icecandidate", lambda: "null" in journal.entries)
            await answer(answerer, offerer)
            await opened(channel)
            await reached(
                offerer, "iceconnectionstatechange", lambda: "ice completed" in journal.entries
            )
        await offerer.close()

    assert journal.entries == [
        "negotiationneeded",
        "signaling have-local-offer",
        # One transport for each kind of m-section, as `balanced` says.
        "gathering gathering",
        *["candidate", "end of candidates"] * 2,
        "gathering complete",
        "null",
        "signaling stable",
        "ice checking",
        "connection connecting",
        "ice connected",
        *journal.of("ice completed", "connection connected"),
        "signaling closed",
        "ice closed",
        "connection closed",
    ]
    assert sorted(journal.of("ice completed", "connection connected")) == [
        "connection connected",
        "ice completed",
    ]


async def test_events_of_the_answerer_in_order() -> None:
    async with pair() as (offerer, answerer):
        journal = Journal(answerer)
        offerer.addTransceiver("audio")
        offerer.addTransceiver("video")
        offerer.createDataChannel("chat")
        await offer(offerer, answerer)
        await answer(answerer, offerer)
        await reached(answerer, "datachannel", lambda: "datachannel chat" in journal.entries)
        told = list(journal.entries)

    # The candidates of one transport, beside the states that its path goes through.
    assert journal.of("gathering", "candidate", "end", "null") == GATHERED
    assert [entry for entry in told if entry not in (*GATHERED, "ice completed")] == [
        "signaling have-remote-offer",
        "track audio",
        "track video",
        "signaling stable",
        "ice checking",
        "connection connecting",
        "ice connected",
        "connection connected",
        "datachannel chat",
    ]


async def test_handlers_find_the_world_as_the_description_says() -> None:
    async with pair() as (offerer, answerer):
        offerer.addTransceiver("audio")
        seen: list[Any] = []

        def look() -> None:
            mids = [each.mid for each in answerer.getTransceivers()]
            seen.append((answerer.signalingState, mids, answerer.remoteDescription is not None))

        answerer.on("signalingstatechange", look)
        answerer.on("track", lambda event: look())
        await exchange(offerer, answerer)

        assert seen == [
            ("have-remote-offer", ["0"], True),
            ("have-remote-offer", ["0"], True),
            ("stable", ["0"], True),
        ]


async def test_a_candidate_event_comes_after_set_local_description_has_returned() -> None:
    async with PeerConnection(loopback()) as pc:
        journal = Journal(pc)
        pc.createDataChannel("x")
        await pc.setLocalDescription()

        assert not journal.of("candidate")
        assert "a=candidate" in local(pc).sdp
        await within(pc.gathering_complete())
        assert journal.of("gathering", "candidate", "end", "null") == GATHERED


async def test_a_candidate_event_names_m_section_and_generation() -> None:
    async with PeerConnection(loopback()) as pc:
        candidates: list[IceCandidate | None] = []
        pc.on("icecandidate", lambda event: candidates.append(event.candidate))
        pc.createDataChannel("x")
        await pc.setLocalDescription()
        await within(pc.gathering_complete())

        ufrag = local(pc).sdp.partition("a=ice-ufrag:")[2].split()[0]
        first, end, null = candidates

        assert null is None
        for candidate in (first, end):
            assert candidate is not None
            assert (candidate.sdpMid, candidate.sdpMLineIndex) == ("0", 0)
            assert candidate.usernameFragment == ufrag
        assert first is not None
        assert first.candidate.startswith("candidate:")


# negotiationneeded


async def test_negotiation_is_needed_once_for_many_wishes() -> None:
    async with PeerConnection(loopback()) as pc:
        journal = Journal(pc)
        pc.addTransceiver("audio")
        pc.addTransceiver("video")
        pc.createDataChannel("x")
        await happened(pc, "negotiationneeded")
        pc.createDataChannel("y")
        pc.addTransceiver("audio")
        await turns()

        assert journal.entries == ["negotiationneeded"]


async def test_negotiation_is_needed_in_a_later_turn() -> None:
    async with PeerConnection(loopback()) as pc:
        journal = Journal(pc)
        pc.addTransceiver("audio")

        assert journal.entries == []


async def test_the_first_who_listens_hears_of_an_earlier_need() -> None:
    async with PeerConnection(loopback()) as pc:
        pc.addTransceiver("audio")
        await turns()
        journal = Journal(pc)
        await turns()

        assert journal.entries == ["negotiationneeded"]


async def test_a_wish_during_an_exchange_is_told_when_it_is_stable() -> None:
    async with pair() as (offerer, answerer):
        offerer.createDataChannel("x")
        await offer(offerer, answerer)
        journal = Journal(offerer)
        offerer.addTransceiver("audio")
        await turns()
        assert "negotiationneeded" not in journal.entries

        await answer(answerer, offerer)
        await turns()

        assert journal.of("signaling", "negotiation") == ["signaling stable", "negotiationneeded"]


async def test_a_need_that_was_met_is_not_told_again() -> None:
    async with pair() as (offerer, answerer):
        journal = Journal(offerer)
        offerer.addTransceiver("audio")
        await happened(offerer, "negotiationneeded")
        await connect(offerer, answerer)
        await turns()

        assert journal.of("negotiationneeded") == ["negotiationneeded"]


async def test_a_need_that_went_away_is_not_told() -> None:
    async with PeerConnection(loopback()) as pc:
        journal = Journal(pc)
        transceiver = pc.addTransceiver("audio")
        await transceiver.stop()
        await turns()

        assert journal.entries == []


async def test_negotiation_is_needed_again_where_a_handler_negotiates_at_once() -> None:
    async with pair() as (pc, other):
        told: list[str] = []
        empty = await other.createOffer()

        def negotiate() -> None:
            told.append(pc.signalingState)
            if len(told) == 1:
                # As a task that begins eagerly: it comes to its end before the handler does.
                steps = answer_and_wish()
                while True:
                    try:
                        steps.send(None)
                    except StopIteration:
                        return

        async def answer_and_wish() -> None:
            await pc.setRemoteDescription(empty)
            await pc.setLocalDescription()
            pc.createDataChannel("another wish")

        pc.on("negotiationneeded", negotiate)
        pc.addTransceiver("audio")
        await turns()

        assert told == ["stable", "stable"]


async def test_gathering_is_told_to_handlers_added_after_set_local_description() -> None:
    async with PeerConnection(loopback()) as pc:
        pc.addTransceiver("audio")
        await pc.setLocalDescription()
        assert pc.iceGatheringState == "new"
        journal = Journal(pc)
        await pc.gathering_complete()
        await turns()

        assert journal.of("gathering", "candidate", "end", "null") == GATHERED


async def test_gathering_of_an_ice_restart_is_not_complete_before_it_is_told() -> None:
    async with connected_pair() as (left, _, _):
        journal = Journal(left)
        await left.setLocalDescription(await left.createOffer(iceRestart=True))
        await left.gathering_complete()

        assert journal.of("gathering") == ["gathering gathering", "gathering complete"]


async def test_rollback_of_an_ice_restart_ends_its_gathering() -> None:
    async with connected_pair() as (left, _, _):
        journal = Journal(left)
        await left.setLocalDescription(await left.createOffer(iceRestart=True))
        await left.setLocalDescription(ROLLBACK)
        await turns(20)

        assert journal.of("gathering") == ["gathering gathering", "gathering complete"]
        assert left.iceGatheringState == "complete"


async def test_states_of_all_transports_are_set_before_any_event_tells_of_them() -> None:
    async with pair() as (left, right):
        left.createDataChannel("chat")
        await left.setLocalDescription()
        assert left.sctp is not None
        assert left.sctp.transport is not None
        ice = left.sctp.transport.iceTransport
        seen: list[tuple[str, str, str]] = []
        ice.on("statechange", lambda: seen.append(("ice", ice.state, left.iceConnectionState)))
        left.on(
            "iceconnectionstatechange",
            lambda: seen.append(("pc", ice.state, left.iceConnectionState)),
        )
        await connect(left, right)

        assert [(who, one) for who, one, other in seen if one != other] == []
        assert [who for who, state, _ in seen if state == "connected"] == ["ice", "pc"]


async def test_descriptions_change_the_state_in_a_later_turn() -> None:
    async with pair() as (left, right):
        offered = await left.createOffer()
        first_step = right.setRemoteDescription(offered)
        first_step.send(None)
        assert right.signalingState == "stable"
        with pytest.raises(StopIteration):
            first_step.send(None)
        assert right.signalingState == "have-remote-offer"


@pytest.mark.parametrize("change", ["direction", "stop", "remove", "add", "channel"])
async def test_each_change_of_a_running_call_needs_negotiation(change: str) -> None:
    async with connected_pair() as (offerer, answerer, _):
        transceiver = offerer.addTransceiver("audio")
        await exchange(offerer, answerer)
        journal = Journal(offerer)
        match change:
            case "direction":
                transceiver.direction = "inactive"
            case "stop":
                await transceiver.stop()
            case "add":
                offerer.addTransceiver("video")
            case "remove":
                # It has nothing to send, so there is nothing to remove.
                offerer.removeTrack(transceiver.sender)
            case "channel":
                # There is an m-section for data channels already.
                offerer.createDataChannel("second")
        await turns()

        needed = change not in ("remove", "channel")
        assert journal.entries == ["negotiationneeded"] * needed


async def test_a_rollback_tells_of_the_need_again() -> None:
    async with PeerConnection(loopback()) as pc:
        journal = Journal(pc)
        pc.addTransceiver("audio")
        await happened(pc, "negotiationneeded")
        await pc.setLocalDescription()
        await pc.setLocalDescription(ROLLBACK)
        await turns()

        assert journal.of("signaling", "negotiation") == [
            "negotiationneeded",
            "signaling have-local-offer",
            "signaling stable",
            "negotiationneeded",
        ]


async def test_no_event_is_emitted_after_close() -> None:
    pc = PeerConnection(loopback())
    journal = Journal(pc)
    pc.addTransceiver("audio")
    await pc.setLocalDescription()
    await pc.close()
    count = len(journal.entries)
    await turns(20)

    assert journal.entries[-3:] == ["signaling closed", "ice closed", "connection closed"]
    assert len(journal.entries) == count


async def test_a_peer_that_leaves_is_noticed_at_once() -> None:
    async with connected_pair() as (offerer, answerer, channel):
        leaving = expected(offerer, "connectionstatechange")
        closing = expected(channel, "close")
        await answerer.close()
        await within(leaving)

        assert offerer.connectionState == "disconnected"
        await within(closing)


async def test_connected_is_emitted_once_at_both_ends() -> None:
    async with pair() as (offerer, answerer):
        journals = Journal(offerer), Journal(answerer)
        offerer.createDataChannel("x")
        await exchange(offerer, answerer)
        await both_connected(offerer, answerer)
        await turns()

        for journal in journals:
            assert journal.of("connection") == ["connection connecting", "connection connected"]
