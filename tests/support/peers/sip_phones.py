"""Two SIP phones of ours that call each other over a link, without a server between them.

::

    async with two_phones() as (caller, called):
        answering = asyncio.create_task(called.answer())
        call = await caller.phone.invite(called.phone.address, sounding())
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from media import SyntheticAudioTrack
from peer import PeerConnection
from signaling.sip.phone import Phone
from tests.support.negotiation.connections import within
from tests.support.peers.sip_link import JoinedTransport, joined_transports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer import PeerConfiguration
    from signaling.sip.agent_port import AgentSettings
    from signaling.sip.call import Call

CALLER, CALLED = "sip:ann@example.org", '"Bob" <sip:bob@example.org>'


@dataclass(frozen=True)
class LinkedPhone:
    """One phone, and its end of the link."""

    phone: Phone
    link: JoinedTransport

    async def ringing(self) -> Call:
        """Wait for a call that comes in."""

        async def first() -> Call:
            async for call in self.phone.calls():
                return call
            raise AssertionError("the phone is closed")

        call: Call = await within(first())
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
    caller: AgentSettings | None = None, called: AgentSettings | None = None
) -> AsyncIterator[tuple[LinkedPhone, LinkedPhone]]:
    """Run two phones that are joined to each other."""
    ours, theirs = joined_transports()
    async with Phone(ours, CALLER, settings=caller) as one:
        await one.open()
        async with Phone(theirs, CALLED, settings=called) as other:
            await other.open()
            yield LinkedPhone(one, ours), LinkedPhone(other, theirs)
