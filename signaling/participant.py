"""Another participant of a room, with the one connection to it, kept while signalling is away."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from peer.errors import PeerError, TransportError
from peer.printable import printable
from peer.states import ConnectionState, IceConnectionState, SignalingState
from peer.values import dataclass
from signaling.channel import Channel
from signaling.chat import Chat
from signaling.errors import ChannelClosed, ChannelLost, SignalingError
from signaling.loss import Loss
from signaling.messages import Offer, PeerMessage
from signaling.negotiator import Negotiator
from signaling.opening import Opening
from signaling.same_connection import is_of_another_connection
from signaling.tasks import first_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer import PeerConnection
    from signaling.peer_channel import PeerChannel

_logger = logging.getLogger(__name__)

#: Seconds after a return for what was lost to be said again, before ICE is begun anew (ours).
_SETTLING: Final = 5.0
#: Seconds to say goodbye to a participant (ours).
_GOODBYE: Final = 1.0


@dataclass(frozen=True, slots=True)
class Ending:
    """Reason for which a participant's connection has ended.

    Args:
        reason: One sentence.
        error: The error, where there was one.
    """

    reason: str
    error: PeerError | SignalingError | None = None


class PeerRestarted(Exception):  # noqa: N818 - not an error: another connection takes the place
    """The participant offers from another connection than before, as a page does after a reload.

    Attributes:
        channel: The channel to it, which gives the offer again.
    """

    def __init__(self, channel: PeerChannel) -> None:
        self.channel = channel
        super().__init__("the participant came back with another connection")


class _OneConnection(Channel):
    """A channel that notices when its messages come from another connection of the peer."""

    def __init__(self, channel: PeerChannel, connection: PeerConnection) -> None:
        self._channel = channel
        self._connection = connection

    async def send(self, message: PeerMessage) -> None:
        await self._channel.send(message)

    async def receive(self) -> PeerMessage:
        message = await self._channel.receive()
        known = self._connection.remoteDescription
        if (
            isinstance(message, Offer)
            and known is not None
            and is_of_another_connection(message.sdp, known=known.sdp)
        ):
            self._channel.put_back(message)
            raise PeerRestarted(self._channel)
        return message

    async def close(self, reason: str = "") -> None:
        await self._channel.close(reason)


class Participant:
    """Another participant of a room; made by the `Room`.

    It stays the same while the room's server is away or restarts, and where it loses its place and
    joins again: who it is, is known by its `identity`.

    Attributes:
        name: The name that it gave; need not be unique.
        identity: The same for each join of one participant; None where it gave no secret.
        member: The name by which the server addresses it, another one after each join.
        connection: The connection to it. Add tracks and data channels, and listen to its events;
            the room negotiates it and closes it.
    """

    def __init__(
        self,
        channel: PeerChannel,
        connection: PeerConnection,
        on_text: Callable[[str], None],
        *,
        opening: Opening = Opening.OFFER,
        on_ringing: Callable[[Participant], None] | None = None,
    ) -> None:
        self.name = channel.peer.name
        self.identity = channel.peer.identity
        self.member = channel.peer.member
        self.connection = connection
        self.chat = Chat(connection, on_text)
        self._opening = opening
        self._on_ringing = on_ringing
        self._negotiator: Negotiator | None = None
        self._channel: PeerChannel | None = channel
        self._has_returned = False
        self._loss = Loss(connection)
        self._changed = asyncio.Event()
        self._over = asyncio.Event()
        self._left = asyncio.Event()
        self._ending: Ending | None = None
        self._goodbye = "the other end closed the connection"
        self._expiry: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        state = "away" if self.is_away else "here"
        if self._ending is not None:
            state = "left"
        return f"<Participant {self.name!r} {self.member!r} {state} {self.connection!r}>"

    @property
    def is_away(self) -> bool:
        """True while no signalling reaches it; media may flow all the same."""
        return self._channel is None

    @property
    def is_ringing(self) -> bool:
        """True while a call has an early answer, of this end or the other, and no final one."""
        return self.connection.signalingState in (
            SignalingState.HAVE_LOCAL_PRANSWER,
            SignalingState.HAVE_REMOTE_PRANSWER,
        )

    @property
    def ending(self) -> Ending | None:
        """Reason for which it has left; None while it has not."""
        return self._ending

    def accept(self) -> None:
        """Accept the call in a room that was joined with `Opening.EARLY_ANSWER`.

        Sends the final answer, now or as soon as the participant calls.
        """
        if self._opening is Opening.EARLY_ANSWER:
            self._opening = Opening.OFFER
            if self._negotiator is not None:
                self._negotiator.accept()

    def decline(self, reason: str = "declined") -> None:
        """End the call, and tell the participant why, in one sentence; it may call again."""
        self._goodbye = reason
        self.end(reason)

    def send(self, text: str) -> None:
        """Send a text over the data channel labelled `chat`, which is opened where there is none.

        Raises:
            ValueError: The text is longer than 16,384 characters.
            BufferFullError: 256 texts wait already.
            InvalidStateError: The participant has left.
        """
        self.chat.send(text)

    async def left(self) -> None:
        """Wait until the participant has left, and its connection is closed."""
        await self._left.wait()

    def take(self, channel: PeerChannel) -> None:
        """Go on over the channel of a participant that has come back."""
        self.member, self.name = channel.peer.member, channel.peer.name
        self._channel = channel
        self._has_returned = True
        self._cancel_expiry()
        self._changed.set()

    def lose(self) -> None:
        """Note that no signalling reaches the participant for now."""
        self._channel = None

    def expect(self, seconds: float) -> None:
        """End the participant unless it is back in time."""
        self._cancel_expiry()
        self._expiry = asyncio.get_running_loop().call_later(
            seconds, self.end, "it did not come back to the room in time"
        )

    def end(self, reason: str, error: PeerError | SignalingError | None = None) -> None:
        """End the connection to the participant; the first reason counts."""
        if self._ending is None:
            self._ending = Ending(reason, error)
            self._over.set()

    async def run(self) -> None:
        """Negotiate until the participant leaves or `end` is called; the connection is closed then.

        Raises:
            PeerRestarted: It offers from another connection; the channel is still open.
        """
        channel = None
        try:
            async with self.connection:
                await first_of(self._negotiate(), self._watch(), self._over.wait())
        except PeerRestarted:
            self.end("it came back with another connection")
            self._channel = None
            raise
        except (PeerError, SignalingError) as error:
            self.end(str(error), error)
        finally:
            self._cancel_expiry()
            self.end("this end closed the connection")
            channel, self._channel = self._channel, None
            if channel is not None:
                await self._say_goodbye(channel)
            self._left.set()

    async def _negotiate(self) -> None:
        while True:
            channel = self._channel
            if channel is None:
                self._changed.clear()
                await self._changed.wait()
                continue
            negotiator = self._negotiator = Negotiator(
                self.connection,
                _OneConnection(channel, self.connection),
                polite=channel.polite,
                opening=self._opening,
                on_ringing=self._ring,
            )
            try:
                await first_of(negotiator.run(), self._restart_ice(polite=channel.polite))
            except ChannelLost:
                if self._channel is channel:
                    raise
                continue
            closed = channel.ended
            self.end("this end closed the connection" if closed is None else closed.reason)
            return

    def _ring(self) -> None:
        if self._on_ringing is not None:
            on_ringing, self._on_ringing = self._on_ringing, None
            on_ringing(self)

    async def _restart_ice(self, *, polite: bool) -> None:
        """Begin ICE anew where candidates may have been lost with the former channel; never ends.

        Not at once: an offer whose answer was lost is to be answered again first.
        """
        if self._has_returned and not polite:
            await asyncio.sleep(_SETTLING)
            connected = (IceConnectionState.CONNECTED, IceConnectionState.COMPLETED)
            if (
                self.connection.remoteDescription is not None
                and self.connection.signalingState is SignalingState.STABLE
                and self.connection.iceConnectionState not in connected
            ):
                self.connection.restartIce()
        await asyncio.Event().wait()

    async def _watch(self) -> None:
        await self._loss.wait()
        if self.connection.connectionState is ConnectionState.FAILED:
            raise self.connection.error or TransportError("nothing came for too long")

    def _cancel_expiry(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    async def _say_goodbye(self, channel: PeerChannel) -> None:
        assert self._ending is not None
        error = self._ending.error
        reason = self._goodbye if error is None else str(error)
        with contextlib.suppress(TimeoutError, ChannelClosed):
            async with asyncio.timeout(_GOODBYE):
                await channel.close(reason)


def shown(participant: Participant) -> str:
    """Return what logs and people are told of a participant: its name, made safe to print."""
    return printable(participant.name) or participant.member
