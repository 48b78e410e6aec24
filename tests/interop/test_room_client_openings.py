"""Early answers and delayed offers between pages and programs of one room, in real browsers."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from media import SyntheticAudioTrack, SyntheticVideoTrack
from peer.states import SignalingState
from signaling import Opening, join
from tests.support.browser.browsers import Browser, BrowserName, open_browser
from tests.support.browser.room_client import RoomTab, rooms_with_page
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connections import signaling_state
from tests.support.network.asgi import serve
from tests.support.rooms.events import Watched

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer import PeerConnection
    from signaling import Participant, RoomTrackEvent

each_browser = pytest.mark.parametrize(
    "name",
    [
        pytest.param("chromium", marks=pytest.mark.browser("chromium")),
        pytest.param("firefox", marks=(pytest.mark.browser("firefox"), pytest.mark.long)),
    ],
)


@contextlib.asynccontextmanager
async def opened(name: BrowserName) -> AsyncIterator[tuple[str, Browser]]:
    """The `ws:` address of a room server without `/ws`, and a browser."""
    async with (
        asyncio.timeout(2 * DEADLINE),
        serve(rooms_with_page()) as url,
        open_browser(name) as browser,
    ):
        yield url, browser
        assert browser.complaints == []


@contextlib.asynccontextmanager
async def program(url: str, opening: Opening) -> AsyncIterator[Watched]:
    """A program in the room that sends a picture and a sound."""
    # On all interfaces: Firefox has no path from the loopback to itself.
    async with join(f"{url}/ws", room="r", name="bot", opening=opening) as room:
        room.publish(SyntheticVideoTrack(width=64, height=48))
        room.publish(SyntheticAudioTrack())
        yield Watched(room)


async def shows(watched: Watched) -> Participant:
    """Wait for a picture of the one participant."""
    await watched.until(lambda: any(each.track.kind == "video" for each in watched.of("track")))
    event: RoomTrackEvent = next(each for each in watched.of("track") if each.track.kind == "video")
    await event.track.recv()
    return event.participant


def states_of(pc: PeerConnection) -> list[SignalingState]:
    """The signalling states of a connection, from now on."""
    states: list[SignalingState] = []
    pc.on("signalingstatechange", lambda: states.append(pc.signalingState))
    return states


@pytest.mark.browser("chromium")
@pytest.mark.conformance("6.2-early-media")
async def test_page_that_rings_is_seen_and_sees_before_it_accepts() -> None:
    async with opened(BrowserName.CHROMIUM) as (url, browser):
        page = await RoomTab.join(browser, url, room="r", name="page", opening=Opening.EARLY_ANSWER)
        async with program(url, Opening.OFFER) as watched:
            participant = await shows(watched)
            await page.frames("bot")
            assert participant.is_ringing
            states = await page.value("[other('bot').state, other('bot').accepted]")
            assert states == ["ringing", False]
            await accept(page, participant)

            await page.value("void other('bot').hangUp('enough')")
            left = await watched.event("participantleft")
            assert (left.reason, left.error) == ("enough", None)


@pytest.mark.browser("chromium")
@pytest.mark.conformance("6.2-early-media")
async def test_program_that_rings_is_seen_by_a_page_before_it_accepts() -> None:
    async with (
        opened(BrowserName.CHROMIUM) as (url, browser),
        program(url, Opening.EARLY_ANSWER) as watched,
    ):
        page = await RoomTab.join(browser, url, room="r", name="page")
        participant = await watched.event("ringing")
        assert await shows(watched) is participant
        await page.frames("bot")
        assert await page.value("other('bot').state") == "ringing"
        participant.accept()
        await page.tab.wait_for("other('bot')?.state === 'connected'")
        await page.more_frames("bot")


@pytest.mark.long
@pytest.mark.browser("firefox")
async def test_browser_without_provisional_answers_rings_and_is_seen_once_it_accepts() -> None:
    async with opened(BrowserName.FIREFOX) as (url, browser):
        page = await RoomTab.join(browser, url, room="r", name="page", opening=Opening.EARLY_ANSWER)
        async with program(url, Opening.OFFER) as watched:
            participant = await watched.event("participantjoined")
            await page.tab.wait_for("other('bot')?.state === 'ringing'")
            await accept(page, participant)
            await shows(watched)


@pytest.mark.long
@pytest.mark.browser("firefox")
async def test_browser_without_provisional_answers_waits_for_the_final_one() -> None:
    async with (
        opened(BrowserName.FIREFOX) as (url, browser),
        program(url, Opening.EARLY_ANSWER) as watched,
    ):
        page = await RoomTab.join(browser, url, room="r", name="page")
        participant = await watched.event("ringing")
        participant.accept()
        await page.frames("bot")
        assert await shows(watched) is participant


async def accept(page: RoomTab, participant: Participant) -> None:
    """Accept a call at the page, and see its pictures after that."""
    await page.value("void other('bot').accept()")
    await signaling_state(participant.connection, SignalingState.STABLE)
    await page.tab.wait_for("other('bot')?.state === 'connected'")
    await page.more_frames("bot")


@each_browser
@pytest.mark.conformance("6.4-delayed-offer")
async def test_program_invites_a_page_that_makes_the_offer(name: BrowserName) -> None:
    async with opened(name) as (url, browser):
        # Who rings makes no offer unless it is invited to.
        page = await RoomTab.join(browser, url, room="r", name="page", opening=Opening.EARLY_ANSWER)
        async with program(url, Opening.DELAYED_OFFER) as watched:
            await page.tab.wait_for("other('bot')?.state === 'ringing'")
            states = states_of((await watched.event("participantjoined")).connection)
            await page.value("void other('bot').accept()")
            await shows(watched)
            await page.frames("bot")
            assert states[:2] == ["have-remote-offer", "stable"]


@each_browser
@pytest.mark.conformance("6.4-delayed-offer")
async def test_page_invites_a_program_that_makes_the_offer(name: BrowserName) -> None:
    async with opened(name) as (url, browser), program(url, Opening.EARLY_ANSWER) as watched:
        page = await RoomTab.join(
            browser, url, room="r", name="page", opening=Opening.DELAYED_OFFER
        )
        participant = await watched.event("ringing")
        states = states_of(participant.connection)
        participant.accept()
        await shows(watched)
        await page.frames("bot")
        assert states[:2] == ["have-local-offer", "stable"]
        await page.tab.wait_for("other('bot')?.state === 'connected'")
