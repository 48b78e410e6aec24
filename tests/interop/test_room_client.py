"""The room client for web pages in real browsers: calls that outlive sockets, servers and pages."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from peer import PeerConnection
from signaling import Negotiator, join
from tests.support.browser.browsers import Browser, BrowserName, open_browser
from tests.support.browser.room_client import RoomTab, rooms_with_page
from tests.support.links.cable import cable_to
from tests.support.network.asgi import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer import DataChannel, DataChannelEvent
    from signaling import PeerChannel
    from tests.support.links.cable import Cable

_ROOM = "lobby"

#: The ICE credentials of the remote description, which a restart changes.
_PATH = "/ice-ufrag:(\\S+)/.exec(other('Bob').connection.remoteDescription.sdp)[1]"

_SECOND_CAMERA = """navigator.mediaDevices.getUserMedia({ video }).then((more) => {
    globalThis.second = more;
    here.publish(more.getVideoTracks()[0], more);
})"""

#: Two ends that both offer first, of a channel and different tracks: how many connections the
#: polite one needed, and the states of both channels once they are open.
_GLARE = """async (client) => {
    const { Negotiation } = await import(client);
    const ends = [0, 1].map(() => ({ made: 0, opened: null }));
    const connect = (end, other, polite) => {
        end.made += 1;
        const pc = end.connection = new RTCPeerConnection();
        const negotiation = end.negotiation = new Negotiation(pc, {
            polite,
            send: (message) => setTimeout(() => other.negotiation.receive(message)),
            renew: (message) => {
                negotiation.stop();
                pc.close();
                connect(end, other, polite);
                end.negotiation.receive(message);
            },
        });
        end.channel = pc.createDataChannel("chat");
        end.opened = new Promise((open) => end.channel.addEventListener("open", open));
        if (!polite) for (const track of stream.getTracks()) pc.addTrack(track, stream);
    };
    const [impolite, polite] = ends;
    connect(impolite, polite, false);
    connect(polite, impolite, true);
    await impolite.opened;
    await polite.opened;
    const states = ends.map(({ channel }) => channel.readyState);
    for (const end of ends) {
        end.negotiation.stop();
        end.connection.close();
    }
    return [polite.made, states];
}"""

# Firefox takes as long again, and differs in nothing that the client does.
each_browser = pytest.mark.parametrize(
    "name",
    [
        pytest.param("chromium", marks=pytest.mark.browser("chromium")),
        pytest.param("firefox", marks=(pytest.mark.browser("firefox"), pytest.mark.long)),
    ],
)


@dataclass(frozen=True)
class _Pair:
    """Ada and Bob, who see each other, and the cable to their server."""

    browser: Browser
    cable: Cable
    url: str
    ada: RoomTab
    bob: RoomTab

    async def go_on(self) -> None:
        await self.ada.more_frames("Bob")
        await self.bob.more_frames("Ada")


@contextlib.asynccontextmanager
async def _pair(name: BrowserName | str) -> AsyncIterator[_Pair]:
    async with (
        serve(rooms_with_page()) as server,
        cable_to(server) as (cable, url),
        open_browser(name) as browser,
    ):
        ada = await RoomTab.join(browser, url, room=_ROOM, name="Ada")
        bob = await RoomTab.join(browser, url, room=_ROOM, name="Bob")
        pair = _Pair(browser, cable, url, ada, bob)
        await pair.go_on()
        # Kept, so that a test sees whether it is still the same.
        await ada.value("void (globalThis.first = [other('Bob'), other('Bob').connection])")
        yield pair
        # Chromium notes each try to return that the cut cable ends.
        assert [said for said in browser.complaints if "WebSocket connection to" not in said] == []


@contextlib.asynccontextmanager
async def _echo_bot(url: str) -> AsyncIterator[list[str]]:
    """The README's bot, which also says what it hears in the chat."""
    heard: list[str] = []

    def on_channel(event: DataChannelEvent) -> None:
        channel: DataChannel = event.channel

        def on_message(message: str | bytes) -> None:
            heard.append(str(message))
            channel.send(message)

        channel.on("message", on_message)

    async def call(channel: PeerChannel) -> None:
        async with PeerConnection() as pc:
            pc.on("track", lambda event: event.resumed or pc.addTrack(event.track))
            pc.on("datachannel", on_channel)
            await Negotiator(pc, channel, polite=channel.polite).run()

    async def answer() -> None:
        async with asyncio.TaskGroup() as calls:
            async for channel in room.channels():
                calls.create_task(call(channel))

    async with await join(f"{url}/ws", room=_ROOM, name="bot") as room:
        answering = asyncio.create_task(answer())
        yield heard
        answering.cancel()
        await asyncio.wait([answering])


# The page of a room does most of it in each run.
@pytest.mark.long
@each_browser
async def test_pages_and_a_python_bot_meet_in_one_room_talk_and_change_their_tracks(
    name: BrowserName,
) -> None:
    async with _pair(name) as pair:
        async with _echo_bot(pair.url) as heard:
            for tab in (pair.ada, pair.bob):
                await tab.frames("bot", least=10)

            assert await pair.ada.value("here.say('hello')") == 2
            assert await pair.bob.chat(("Ada", "hello")) == [("Ada", "hello")]
            assert await pair.ada.chat(("bot", "hello")) == [("bot", "hello")]
            assert heard == ['{"text":"hello"}']
        await pair.ada.tab.wait_for("left.join() === 'bot' && here.participants.length === 1")
        await _change_tracks(pair)


async def _change_tracks(pair: _Pair) -> None:
    ada, bob = pair.ada, pair.bob
    await ada.value(_SECOND_CAMERA)
    await bob.frames("Ada", tracks=2)

    await ada.value("void here.unpublish(second.getVideoTracks()[0])")
    shown = "[...other('Ada').tracks.keys()].filter(({ kind }) => kind === 'video').length"
    await bob.tab.wait_for(f"{shown} === 1")

    camera = "stream.getVideoTracks()[0]"
    await ada.value(f"here.replaceTrack({camera}, second.getVideoTracks()[0]).then(() => 0)")
    await ada.value(f"{camera}.stop()")
    before = max(await bob.tab.wait_for("frames('Ada')"))
    await bob.tab.wait_for(f"frames('Ada').then((now) => Math.max(...now) > {before + 10})")
    assert await ada.value("here.published.size") == 2


@each_browser
async def test_a_call_outlives_glare_cut_sockets_a_restart_of_the_server_and_a_reload(
    name: BrowserName,
) -> None:
    async with _pair(name) as pair, serve(rooms_with_page()) as second:
        glare = f"({_GLARE})({json.dumps(pair.ada.url)})"
        assert await pair.ada.value(glare) == [2, ["open", "open"]]
        await _cut_sockets(pair)
        await _restart_server(pair, second)
        assert await pair.ada.value("first[1] === other('Bob').connection") is True
        await _reload(pair)
        assert await pair.ada.value("first[1] === other('Bob').connection") is False

        assert await pair.ada.value("first[0] === other('Bob')") is True
        assert await pair.ada.value("[left, here.participants.length]") == [[], 1]
        await _leave(pair)


async def _cut_sockets(pair: _Pair) -> None:
    known = pair.cable.connections
    pair.cable.cut()
    # Offered over the WebSocket that is not there yet.
    path = await pair.ada.value(_PATH)
    await pair.ada.value("other('Bob').connection.restartIce()")
    await pair.cable.tried(known + 2)
    await pair.ada.tab.wait_for(f"{_PATH} !== {json.dumps(path)}")
    await pair.go_on()
    assert set(await pair.ada.value("statuses")) == {"returning", "joined"}


async def _restart_server(pair: _Pair, second: str) -> None:
    pair.cable.lead_to(second)
    pair.cable.cut()
    await pair.go_on()
    for tab in (pair.ada, pair.bob):
        await tab.tab.wait_for("statuses.at(-1) === 'joined'")
    await pair.ada.value(_SECOND_CAMERA)
    await pair.bob.frames("Ada", tracks=2)
    await pair.ada.value("void here.unpublish(second.getVideoTracks()[0])")


async def _reload(pair: _Pair) -> None:
    await pair.ada.value("void other('Bob').on('state', (state) => statuses.push(state))")
    await pair.bob.tab.reload()
    await pair.bob.enter(room=_ROOM, name="Bob")
    await pair.go_on()
    states = await pair.ada.value("statuses")
    assert states[states.index("away") :] == ["away", "calling", "connected"]


async def _leave(pair: _Pair) -> None:
    await pair.bob.value("here.leave()")
    await pair.ada.tab.wait_for("left.join() === 'Bob' && here.participants.length === 0")

    kept = await pair.ada.value("sessionStorage.getItem('handfast lobby')")
    await pair.bob.value(f"sessionStorage.setItem('handfast lobby', '{kept}')")
    await pair.bob.enter(room=_ROOM, name="Ada again")
    await pair.ada.tab.wait_for("statuses.at(-1) === 'replaced' && here.status === 'ended'")
    assert await pair.bob.value("here.participants.length") == 0
