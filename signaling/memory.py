"""Channel between two peers in one process, for tests and local loops."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeAlias

from signaling.channel import Channel
from signaling.errors import ChannelClosed
from signaling.mailbox import Mailbox

if TYPE_CHECKING:
    from signaling.messages import PeerMessage

_Post: TypeAlias = "Mailbox[tuple[float, PeerMessage]]"


class MemoryChannel(Channel):
    """One of the two ends that `channel_pair()` returns."""

    def __init__(self, inbox: _Post, outbox: _Post, delay: float) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._delay = delay
        self._next: tuple[float, PeerMessage] | None = None

    def __repr__(self) -> str:
        return f"<MemoryChannel {'closed' if self._outbox.closed else 'open'} {self._delay:g} s>"

    async def send(self, message: PeerMessage) -> None:
        due = asyncio.get_running_loop().time() + self._delay
        await self._outbox.put((due, message))

    async def receive(self) -> PeerMessage:
        # Kept in the channel while it is on its way: a cancelled receive must not lose it.
        if self._next is None:
            self._next = await self._inbox.get()
        due, message = self._next
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        self._next = None
        return message

    async def close(self, reason: str = "") -> None:
        self._outbox.close(ChannelClosed(reason or "the other end closed the channel"))
        self._inbox.close(ChannelClosed(reason or "this end closed the channel"), discard=True)
        self._next = None


def channel_pair(*, capacity: int = 64, delay: float = 0.0) -> tuple[MemoryChannel, MemoryChannel]:
    """Create a channel and return its two ends.

    Args:
        capacity: Messages that queue at one end before `send` waits at the other.
        delay: One-way delay of every message in seconds; order is kept.
    """
    here: _Post = Mailbox(capacity)
    there: _Post = Mailbox(capacity)
    return MemoryChannel(here, there, delay), MemoryChannel(there, here, delay)
