"""The channel to one other member of a room."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from signaling.channel import Channel
from signaling.errors import ChannelClosed, ChannelLost
from signaling.mailbox import Mailbox
from signaling.messages import MAX_REASON, Bye, Peer, PeerMessage, ProgramNote, Relayed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

#: Most messages of one peer that wait to be received (ours).
_INBOX: Final = 256


class PeerChannel(Channel):
    """The channel to one other member of a room.

    Attributes:
        peer: The other member.
        polite: Whether this end gives way on glare (see `Negotiator`). The member that joined
            later does, so that exactly one of the two is polite.
    """

    def __init__(
        self, peer: Peer, *, polite: bool, send: Callable[[Relayed], Awaitable[None]]
    ) -> None:
        self.peer = peer
        self.polite = polite
        self._send = send
        self._inbox: Mailbox[PeerMessage] = Mailbox(_INBOX)
        self._ended: ChannelClosed | None = None
        self._owes_bye = False

    def __repr__(self) -> str:
        state = "open" if self._ended is None else "closed"
        return f"<PeerChannel {self.peer.member!r} {state} polite={self.polite}>"

    @property
    def ended(self) -> ChannelClosed | None:
        """Reason for which the channel has ended; None while it is open."""
        return self._ended

    async def send(self, message: PeerMessage) -> None:
        await self._send_unless_ended(message)

    async def note(self, *, label: str, text: str) -> None:
        """Send a text to the program at the other end, beside the negotiation.

        Args:
            label: What the text is about, in at most 64 characters.
            text: The text, of at most 64 Ki characters.

        Raises:
            ChannelClosed: The channel has ended.
        """
        await self._send_unless_ended(ProgramNote(label=label, text=text))

    async def hang_up(self, reason: str = "") -> None:
        """End the peer's present call; the channel stays, and its next message begins another.

        Raises:
            ChannelClosed: The channel has ended.
        """
        await self._send_unless_ended(Bye(reason=reason[:MAX_REASON]))

    async def receive(self) -> PeerMessage:
        return await self._inbox.get()

    async def close(self, reason: str = "") -> None:
        if self._ended is None:
            self.end(ChannelClosed(reason or "this end closed the channel"), discard=True)
            self._owes_bye = True
        if not self._owes_bye:
            return
        self._owes_bye = False
        try:
            await self._send(Bye(reason=reason[:MAX_REASON], to=self.peer.member))
        except ChannelClosed:
            # We have left the room, which says the same to everybody.
            return
        except asyncio.CancelledError:
            self._owes_bye = True
            raise

    def deliver(self, message: PeerMessage) -> None:
        """Deliver a message that the peer sent."""
        if self._ended is None and not self._inbox.offer(message):
            self.end(ChannelLost(f"{_INBOX} messages were waiting and this end received none"))

    def put_back(self, message: PeerMessage) -> None:
        """Let a message that was received be received again, before all others."""
        self._inbox.put_back(message)

    def end(self, end: ChannelClosed, *, discard: bool = False) -> None:
        """End the channel at this end only; messages that have arrived can still be received."""
        if self._ended is None:
            self._ended = end
            self._inbox.close(end, discard=discard)

    async def _send_unless_ended(self, message: Relayed) -> None:
        if self._ended is not None:
            raise type(self._ended)(self._ended.reason)
        await self._send(msgspec.structs.replace(message, to=self.peer.member))
