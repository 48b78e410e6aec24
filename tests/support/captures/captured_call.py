"""Calls over a captured wire, one step of the offer/answer exchange at a time."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.support.captures.wire import Side, Wire, wire
from tests.support.negotiation.connections import both_connected, local, loopback, pair

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from peer import PeerConfiguration, PeerConnection, SessionDescription


@dataclass(frozen=True)
class Call:
    """Two peer connections and the wire between them."""

    offerer: PeerConnection
    answerer: PeerConnection
    wire: Wire

    def end(self, side: Side) -> PeerConnection:
        return self.offerer if side is Side.OFFERER else self.answerer

    async def offer(self, change: Callable[[str], str] = str) -> None:
        """Make the offer and hand it to the answerer, changed on its way."""
        await self.offerer.setLocalDescription()
        sent = await self.wire.offer(local(self.offerer))
        await self.answerer.setRemoteDescription(replace(sent, sdp=change(sent.sdp)))

    async def make_answer(self, change: Callable[[str], str] = str) -> SessionDescription:
        """Make the answer, and return it as the offerer is to see it."""
        await self.answerer.setLocalDescription()
        sent = self.wire.answer(local(self.answerer))
        return replace(sent, sdp=change(sent.sdp))

    async def exchange(self) -> None:
        """Exchange one offer and its answer."""
        await self.offer()
        await self.offerer.setRemoteDescription(await self.make_answer())

    async def connect(self) -> None:
        """Exchange offer and answer, and wait until both are connected."""
        await self.exchange()
        await both_connected(self.offerer, self.answerer)


@asynccontextmanager
async def call(
    left: PeerConfiguration | None = None,
    right: PeerConfiguration | None = None,
    *,
    paths: int = 1,
) -> AsyncIterator[Call]:
    """Open two connections that are to be joined by a wire.

    Args:
        left: Configuration of the offerer; one transport for everything by default.
        right: Configuration of the answerer.
        paths: Candidate pairs for each transport.
    """
    async with (
        wire(paths) as between,
        pair(left or loopback(bundlePolicy="max-bundle"), right) as (offerer, answerer),
    ):
        yield Call(offerer, answerer, between)
