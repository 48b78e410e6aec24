"""Janus' SIP plugin, a phone of plain RTP, calls a bot through Kamailio, and is called by it.

Its other side is a connection of ours as well, by WebRTC: sound passes from one to the other.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from peer import (
    BestEffort,
    IcePolicy,
    MediaEncryption,
    PeerConfiguration,
    PeerConnection,
    RtcpMuxPolicy,
)
from signaling import sip
from tests.support.negotiation.connection_media import receives_more
from tests.support.negotiation.connections import gathered, within
from tests.support.peers.janus import JanusHandle, Said, janus_server, janus_session
from tests.support.peers.kamailio import HOST, Kamailio, kamailio
from tests.support.peers.sip_phones import sounding

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = [
    pytest.mark.needs("janus", "kamailio"),
    pytest.mark.xdist_group("peer-kamailio"),
]

USERS = {"janus": "secret-of-janus", "bot": "secret-of-the-bot"}


@dataclass(frozen=True)
class Place:
    """A proxy, a bot and Janus, both registered."""

    proxy: Kamailio
    bot: sip.Phone
    janus: JanusHandle


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    async with (
        kamailio(folder, users=USERS) as proxy,
        janus_server(folder, has_sip=True) as url,
        janus_session(url) as session,
        sip.register(proxy.ws, proxy.aor("bot"), USERS["bot"]) as bot,
    ):
        handle = await session.attach("janus.plugin.sip")
        registrar = f"sip:{HOST}:{proxy.port}"
        await handle.ask(
            {
                "request": "register",
                "username": proxy.aor("janus"),
                "secret": USERS["janus"],
                "proxy": registrar,
                "outbound_proxy": registrar,
            }
        )
        await tells(handle, "registered")
        yield Place(proxy, bot, handle)


async def tells(handle: JanusHandle, event: str) -> Said:
    """Wait until the plugin says something by itself; what else it says is passed over."""
    while True:
        said: Said = await within(handle.told.get())
        if said.data["result"]["event"] == event:
            return said


def phone_end() -> PeerConnection:
    """A connection as a phone of plain RTP wants it, on the address that Janus describes."""
    return sounding(
        PeerConfiguration(
            best_effort=BestEffort.PLAIN_RTP,
            ice=IcePolicy.OPTIONAL,
            rtcp_mux=RtcpMuxPolicy.NEGOTIATE,
            interfaces=("127.0.0.1",),
        )
    )


async def test_janus_calls_a_bot_and_sound_passes_it_both_ways(tmp_path: Path) -> None:
    async with place(tmp_path) as here, sounding() as page:
        offer = await gathered(page)
        await here.janus.ask({"request": "call", "uri": here.proxy.aor("bot")}, offer)
        call = await within(anext(here.bot.calls()))
        connection = phone_end()
        await within(call.answer(connection))
        accepted = await tells(here.janus, "accepted")
        await page.setRemoteDescription(accepted.jsep)
        await asyncio.gather(receives_more(page), receives_more(connection))
        assert page.security.verified
        (transport,) = connection.security.transports
        assert transport.encryption is MediaEncryption.NONE
        await here.janus.ask({"request": "hangup"})
        assert (await within(call.ended())).cause is sip.EndCause.REMOTE


async def test_bot_calls_janus_and_sound_passes_it_both_ways(tmp_path: Path) -> None:
    async with place(tmp_path) as here, sounding() as page:
        connection = phone_end()
        calling = asyncio.create_task(here.bot.invite(here.proxy.aor("janus"), connection))
        incoming = await tells(here.janus, "incomingcall")
        await page.setRemoteDescription(incoming.jsep)
        await here.janus.ask({"request": "accept"}, await gathered(page))
        async with await within(calling) as call:
            await asyncio.gather(receives_more(page), receives_more(connection))
            await within(call.hangup())
            await tells(here.janus, "hangup")
