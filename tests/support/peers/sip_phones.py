"""Two SIP phones of ours that call each other over a link, without a server between them.

::

    async with two_phones() as (caller, called):
        ours, theirs = await caller.call(called, sounding())
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from media import SyntheticAudioTrack
from peer import PeerConnection
from signaling.sip.phone import Phone
from tests.support.negotiation.connections import within
from tests.support.peers.sip_link import JoinedTransport, forking_transports, joined_transports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer import PeerConfiguration
    from signaling.sip.agent_port import AgentSettings
    from signaling.sip.call import Call

TARGET = "sip:bob@example.org"
CALLER, CALLED = "sip:ann@example.org", f'"Bob" <{TARGET}>'


@dataclass(frozen=True)
class LinkedPhone:
    """One phone, and its end of the link."""

    phone: Phone
    link: JoinedTransport

    async def call(
        self,
        called: LinkedPhone,
        connection: PeerConnection | None = None,
        *,
        theirs: PeerConnection | None = None,
    ) -> tuple[Call, Call]:
        """Call another phone, which accepts; return the call as either end has it."""
        answering = asyncio.create_task(called.answer(theirs))
        call = await within(self.phone.invite(TARGET, connection))
        return call, await within(answering)

    async def ringing(self) -> Call:
        """Wait for a call that comes in."""
        call: Call = await within(anext(self.phone.calls()))
        return call

    async def answer(self, connection: PeerConnection | None = None) -> Call:
        """Accept the next call that comes in."""
        call = await self.ringing()
        await call.answer(connection or sounding())
        return call


def sounding(configuration: PeerConfiguration | None = None) -> PeerConnection:
    """Create a connection that sends a tone."""
    connection = PeerConnection(configuration)
    connection.addTrack(SyntheticAudioTrack())
    return connection


@asynccontextmanager
async def two_phones(
    caller: AgentSettings | None = None,
    called: AgentSettings | None = None,
    *,
    address: str = CALLED,
) -> AsyncIterator[tuple[LinkedPhone, LinkedPhone]]:
    """Run two phones that are joined to each other; the called one has an address."""
    ours, theirs = joined_transports()
    async with Phone(ours, CALLER, settings=caller) as one:
        await one.open()
        async with Phone(theirs, address, settings=called) as other:
            await other.open()
            yield LinkedPhone(one, ours), LinkedPhone(other, theirs)


@asynccontextmanager
async def forked_phones(count: int) -> AsyncIterator[tuple[LinkedPhone, list[LinkedPhone]]]:
    """Run a phone whose calls ring at several others."""
    ours, theirs = forking_transports(count)
    async with AsyncExitStack() as phones:
        made = [Phone(ours, CALLER), *(Phone(each, CALLED) for each in theirs)]
        for phone in made:
            await phones.enter_async_context(phone)
            await phone.open()
        linked = [LinkedPhone(*each) for each in zip(made, (ours, *theirs), strict=True)]
        yield linked[0], linked[1:]
