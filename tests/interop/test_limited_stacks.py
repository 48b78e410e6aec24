"""Holds, tracks and the end of a call with stacks that do only part of it, or do it otherwise."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import MappingProxyType

import pytest

from peer import (
    ConnectionState,
    IceConnectionState,
    SdpLeniency,
    SdpType,
    SessionDescription,
)
from peer.errors import DescriptionError
from peer.tracing.events import HandshakeCompleted
from tests.support.negotiation.connections import reached
from tests.support.peers.changes import (
    hold,
    our_track,
    peer_directs,
    peer_gives_up_its_track,
    peers_track,
    sections,
    we_direct,
)
from tests.support.peers.marks import EVERYTHING, peer_parameters
from tests.support.peers.negotiated_session import NegotiatedSession, negotiated_session
from tests.support.peers.third_party import ThirdParty, ThirdPartyError

HOLDS = 2
TIMES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What a stack does.

    Args:
        hold: Direction of ours from which it comes back.
        hears: Whether it gets media then.
        end: Whether it says goodbye by DTLS.
        ours: m-sections of our description after ten tracks of ours.
        its: The same after ten of its own; None where it cannot take one away.
        direct: How it holds the call; None where it cannot.
        is_wide: Whether its answers are wider than our offers.
    """

    hold: str
    hears: bool
    end: bool
    ours: int
    its: int | None = None
    direct: Callable[[NegotiatedSession, str], Awaitable[None]] | None = None
    is_wide: bool = False


#: From `inactive` Pion and webrtcbin do not come back, and werift rejects the m-section. While we
#: hold the call each of them goes on sending.
HABITS = MappingProxyType(
    {
        ThirdParty.PION: Habits(
            hold="sendonly",
            hears=True,
            end=True,
            ours=2 + TIMES,
            # It sends a new track in the place of the one that is gone.
            its=3,
            direct=peer_gives_up_its_track,
            is_wide=True,
        ),
        ThirdParty.WERIFT: Habits(
            hold="sendonly",
            hears=True,
            end=False,
            # It rejects the m-section of a track that is gone, whose place the next one takes.
            ours=3,
            its=2 + TIMES,
            direct=peer_directs,
        ),
        ThirdParty.WEBRTCBIN: Habits(hold="sendonly", hears=True, end=False, ours=2 + TIMES),
        ThirdParty.LIBDATACHANNEL: Habits(
            hold="inactive", hears=False, end=False, ours=2 + TIMES, is_wide=True
        ),
    }
)
#: Those that every run holds; `make interop` holds all.
HELD = tuple(HABITS) if EVERYTHING else (ThirdParty.PION,)
HOLDERS = [name for name, habits in HABITS.items() if habits.direct is not None]
GIVERS = [name for name, habits in HABITS.items() if habits.its is not None]
WIDE = [name for name, habits in HABITS.items() if habits.is_wide]


def attributes(description: SessionDescription) -> list[list[str]]:
    """The `a=tls-id` and `a=msid` of each m-section."""
    return [
        re.findall("(?m)^a=((?:tls-id|msid):.*?)\r?$", section)
        for section in description.sdp.split("\nm=")[1:]
    ]


def session_with(name: ThirdParty) -> AbstractAsyncContextManager[NegotiatedSession]:
    return negotiated_session(name, sdp_leniency=list(SdpLeniency))


@pytest.mark.parametrize("name", peer_parameters(HELD))
async def test_call_that_we_hold_goes_on_with_a_stack_that_heeds_no_hold(name: ThirdParty) -> None:
    habits = HABITS[name]
    async with session_with(name) as session:
        await session.open()
        transceiver = session.pc.getTransceivers()[0]
        for _ in range(HOLDS):
            held = await hold(session, we_direct, session.offer, habits.hold)
            assert (held.peer.count > 0, held.ours.count > 0) == (habits.hears, True)
            assert transceiver.currentDirection == "sendrecv"
        assert len(session.trace.all(HandshakeCompleted)) == 1


@pytest.mark.long
@pytest.mark.parametrize("name", peer_parameters(HOLDERS))
async def test_call_that_such_a_stack_holds_is_silent_at_one_end_and_resumes(
    name: ThirdParty,
) -> None:
    direct = HABITS[name].direct
    assert direct is not None
    async with session_with(name) as session:
        await session.open()
        for _ in range(HOLDS):
            held = await hold(session, direct, session.be_offered, "sendonly")
            # What it means by it: it goes on sending itself, or goes on hearing us.
            assert (held.peer.count == 0) is not (held.ours.count == 0)
        assert len(session.trace.all(HandshakeCompleted)) == 1


@pytest.mark.long
@pytest.mark.parametrize("name", peer_parameters(HABITS))
async def test_tracks_of_ours_added_and_removed_ten_times_leave_the_call_as_it_was(
    name: ThirdParty,
) -> None:
    async with session_with(name) as session:
        await session.open()
        for _ in range(TIMES):
            await our_track(session)
        assert sections(session) == HABITS[name].ours
        assert len(session.trace.all(HandshakeCompleted)) == 1


@pytest.mark.long
@pytest.mark.parametrize("name", peer_parameters(GIVERS))
async def test_tracks_of_such_a_stack_added_and_removed_ten_times_leave_the_call_as_it_was(
    name: ThirdParty,
) -> None:
    async with session_with(name) as session:
        await session.open()
        for _ in range(TIMES):
            await peers_track(session)
        assert sections(session) == HABITS[name].its
        assert len(session.trace.all(HandshakeCompleted)) == 1


@pytest.mark.long
@pytest.mark.parametrize("name", peer_parameters(HABITS))
async def test_end_of_such_a_stack_is_noticed_by_its_goodbye_or_by_its_silence(
    name: ThirdParty,
) -> None:
    async with session_with(name) as session:
        pc = session.pc
        await session.open()
        await session.peer.tell("close")
        await reached(
            pc,
            "connectionstatechange",
            lambda: pc.connectionState is not ConnectionState.CONNECTED,
        )
        assert pc.connectionState is ConnectionState.DISCONNECTED
        by_silence = pc.iceConnectionState is IceConnectionState.DISCONNECTED
        assert by_silence is not HABITS[name].end


@pytest.mark.long
@pytest.mark.parametrize("name", peer_parameters([ThirdParty.LIBDATACHANNEL]))
async def test_ice_restart_that_a_stack_refuses_leaves_the_session_as_it_was(
    name: ThirdParty,
) -> None:
    async with session_with(name) as session:
        await session.open()
        session.pc.restartIce()
        with pytest.raises(ThirdPartyError):
            await session.offer()
        await session.pc.setLocalDescription(SessionDescription("", SdpType.ROLLBACK))
        await session.flow()
        assert await session.echo()


@pytest.mark.long
@pytest.mark.parametrize("name", peer_parameters([ThirdParty.LIBDATACHANNEL]))
async def test_libdatachannel_copies_attributes_of_media_from_our_first_offer(
    name: ThirdParty,
) -> None:
    async with session_with(name) as session:
        opening = await session.open()
        copied = attributes(opening.local)[0]
        # In the answer to the first offer those of the data channels as well.
        assert attributes(opening.remote) == attributes(opening.local)
        _, exchange = await session.rekey()
        assert attributes(exchange.local)[0] != copied
        assert attributes(exchange.remote) == [copied, []]
        assert attributes((await session.be_offered()).remote) == [copied, []]


@pytest.mark.long
@pytest.mark.parametrize("name", peer_parameters(WIDE))
async def test_answer_wider_than_our_hold_is_refused_by_default_and_the_call_goes_on(
    name: ThirdParty,
) -> None:
    async with negotiated_session(name) as session:
        await session.open()
        await we_direct(session, "sendonly")
        with pytest.raises(DescriptionError, match="WIDE_ANSWER"):
            await session.offer()
        await session.flow()
        assert await session.echo()
