"""Calls of phones in a browser with a bot of ours, through Kamailio over WebSockets (RFC 7118)."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import av
import pytest

from media import Recorder
from peer import PeerConfiguration
from signaling import sip
from tests.support.browser.browsers import BrowserName, open_browser
from tests.support.browser.sip_page import SipLibrary, SipTab, sip_pages
from tests.support.negotiation.connection_media import receives_more
from tests.support.negotiation.connections import within
from tests.support.peers.kamailio import DigestAlgorithm, Kamailio, kamailio
from tests.support.peers.negotiated_session import small_video
from tests.support.peers.sip_phones import sounding
from tests.support.rtp.arrivals import ArrivalSink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media.recording.events import Progress
    from peer import PeerConnection, TrackEvent

USERS = {"ann": "ann's secret", "bot": "the bot's"}
#: Seconds of sound that make a recording.
_RECORDED = 1.0
#: Seconds in which 20 packets of sound would come (ours).
_SILENCE = 0.4


@dataclass(frozen=True)
class Place:
    """A proxy, a phone in a page, and a bot, both registered."""

    proxy: Kamailio
    ann: SipTab
    bot: sip.Phone


@asynccontextmanager
async def place(
    folder: Path,
    browser: BrowserName,
    library: SipLibrary,
    digest: DigestAlgorithm = DigestAlgorithm.MD5,
) -> AsyncIterator[Place]:
    async with (
        kamailio(folder, users=USERS, digest=digest) as proxy,
        sip_pages(folder, library) as url,
        open_browser(browser) as program,
        sip.register(proxy.ws, proxy.aor("bot"), USERS["bot"]) as bot,
    ):
        ann = await SipTab.register(
            program, url, proxy, user="ann", secret=USERS["ann"], library=library
        )
        yield Place(proxy, ann, bot)


def sending() -> PeerConnection:
    connection = sounding()
    connection.addTrack(small_video())
    return connection


@pytest.mark.conformance("7.1-flow", peers=["Chromium 156"])
@pytest.mark.needs("kamailio", "jssip")
@pytest.mark.browser("chromium")
async def test_browser_calls_a_bot_through_kamailio_and_is_recorded(tmp_path: Path) -> None:
    file = tmp_path / "call.mkv"
    async with place(tmp_path, BrowserName.CHROMIUM, SipLibrary.JSSIP) as here:
        await here.ann.call(here.proxy.aor("bot"))
        call = await within(anext(here.bot.calls()))
        recorder, connection = Recorder(file), sending()

        @connection.on("track")
        def take(event: TrackEvent) -> None:
            recorder.addTrack(event.track)

        enough = asyncio.Event()

        @recorder.on("progress")
        def note(progress: Progress) -> None:
            if progress.duration >= _RECORDED:
                enough.set()

        call.ring()
        await within(call.answer(connection))
        await recorder.start()
        await here.ann.tells("confirmed")
        await here.ann.flow("audio", "video")
        await within(enough.wait())
        await here.ann.do("hangUp()")
        assert (await within(call.ended())).cause is sip.EndCause.REMOTE
        await recorder.stop()
    with av.open(str(file)) as recorded:
        assert {stream.type for stream in recorded.streams} == {"audio", "video"}


@pytest.mark.parametrize(
    ("browser", "library"),
    [
        pytest.param(
            "chromium", "jssip", marks=[pytest.mark.browser("chromium"), pytest.mark.long]
        ),
        pytest.param(
            "chromium", "sipjs", marks=[pytest.mark.browser("chromium"), pytest.mark.long]
        ),
        pytest.param("firefox", "jssip", marks=[pytest.mark.browser("firefox"), pytest.mark.long]),
        pytest.param("firefox", "sipjs", marks=[pytest.mark.browser("firefox"), pytest.mark.long]),
    ],
)
@pytest.mark.needs("kamailio", "jssip", "sip.js")
async def test_bot_calls_a_browser_through_kamailio(
    tmp_path: Path, browser: str, library: str
) -> None:
    async with place(tmp_path, BrowserName(browser), SipLibrary(library)) as here:
        call = await within(here.bot.invite(here.proxy.aor("ann"), sending()))
        await here.ann.tells("confirmed")
        await here.ann.flow("audio", "video")
        await within(call.hangup())
        await here.ann.tells("ended")


@pytest.mark.long
@pytest.mark.browser("chromium")
@pytest.mark.parametrize("library", SipLibrary)
@pytest.mark.needs("kamailio", "jssip", "sip.js")
async def test_call_with_a_browser_is_held_and_resumed_and_changes_path_and_keys(
    tmp_path: Path, library: SipLibrary
) -> None:
    async with place(tmp_path, BrowserName.CHROMIUM, library) as here:
        arrivals = ArrivalSink()
        connection = sounding(PeerConfiguration(trace=arrivals))
        call = await within(here.bot.invite(here.proxy.aor("ann"), connection))
        await here.ann.tells("confirmed")
        await here.ann.flow("audio")
        await receives_more(connection)

        await within(call.hold())
        assert await arrivals.silence(_SILENCE) == 0
        await within(call.resume())
        await here.ann.flow("audio")
        await receives_more(connection)

        if library is SipLibrary.JSSIP:
            held, resumed = heard(call, "held"), heard(call, "resumed")
            await here.ann.do("hold()")
            await within(held.wait())
            await here.ann.do("resume()")
            await within(resumed.wait())
            await here.ann.flow("audio")
            await receives_more(connection)

        connection.restartIce()
        await here.ann.flow("audio")
        await receives_more(connection)
        result = await within(connection.rekey())
        assert result.changed, result.reason
        await here.ann.flow("audio")
        await receives_more(connection)

        await here.ann.do("hangUp()")
        assert (await within(call.ended())).cause is sip.EndCause.REMOTE


def heard(call: sip.Call, event: Literal["held", "resumed"]) -> asyncio.Event:
    """An event that is set once the call has told of something."""
    told = asyncio.Event()
    call.on(event, told.set)
    return told
