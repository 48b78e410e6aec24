"""One member of a room that an offer rings at, and its connection from its first answer on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from peer.errors import InvalidStateError, RemoteError
from peer.printable import printable
from peer.tracing.events import Direction
from signaling.errors import ChannelClosed, NegotiationError
from signaling.loss import Loss
from signaling.negotiator import Negotiator

if TYPE_CHECKING:
    from peer import PeerConnection
    from signaling.messages import Candidate
    from signaling.peer_channel import PeerChannel

_logger = logging.getLogger(__name__)

#: Most candidates of a device that wait for its answer (ours).
_MOST_CANDIDATES: Final = 128
#: Calls of a device that may cross ours before it is given up (ours).
_MOST_CROSSINGS: Final = 3
#: Seconds to say goodbye to a device (ours).
_GOODBYE: Final = 1.0


class DeviceState(StrEnum):
    """State of a device that an offer rings at."""

    CALLED = "called"
    EARLY = "early"  # has answered provisionally: its media may flow
    ACCEPTED = "accepted"
    ENDED = "ended"


class RingingDevice:
    """A member of a room that an offer rings at; made by `Ringing`.

    Attributes:
        channel: The channel to it; `channel.peer` has its name.
        state: How far it has got.
        reason: Why it has ended, in one sentence; empty while it has not.
        has_candidates: Set where candidates of ours wait to be sent.
    """

    def __init__(self, channel: PeerChannel) -> None:
        self.channel = channel
        self.state = DeviceState.CALLED
        self.reason = ""
        self._connection: PeerConnection | None = None
        self._negotiator: Negotiator | None = None
        self._loss: Loss | None = None
        self._answered = asyncio.Event()
        self._early_candidates: deque[Candidate] = deque(maxlen=_MOST_CANDIDATES)
        self._crossings = 0
        self.has_candidates = asyncio.Event()

    def __repr__(self) -> str:
        return f"<RingingDevice {self.channel.peer.name!r} {self.state} {self._connection!r}>"

    @property
    def has_answered(self) -> bool:
        """True from the first answer on, provisional or final."""
        return self._connection is not None

    @property
    def connection(self) -> PeerConnection:
        """The connection to the device: a fork of the one that offered (RFC 5763 section 6.3).

        Raises:
            InvalidStateError: It has not answered.
        """
        if self._connection is None:
            raise InvalidStateError(f"{shown_device(self)} has not answered")
        return self._connection

    async def run(self) -> None:
        """Negotiate with a device that was kept, behind the block, until either end hangs up.

        The connection and the channel are closed then.

        Raises:
            ChannelLost: The session with the room's server is over.
            NegotiationError: Three descriptions in a row were refused.
        """
        async with self.connection:
            await Negotiator(self.connection, self.channel, polite=self.channel.polite).run()
        await self.channel.close("the other end closed the connection")

    def take(self, connection: PeerConnection) -> None:
        """Note the connection that its first answer has made."""
        self._connection = connection
        self._loss = Loss(connection)
        # From here on, so that no candidate is missed that is found before it runs.
        self._negotiator = Negotiator(connection, self.channel, polite=self.channel.polite)
        self._answered.set()

    def keep_candidate(self, candidate: Candidate) -> None:
        """Keep a candidate that came before the answer; the latest 128 are."""
        self._early_candidates.append(candidate)

    async def add_candidates(self, *candidates: Candidate) -> None:
        """Hand candidates of the device to its connection, those first that came too early."""
        waiting = (*self._early_candidates, *candidates)
        self._early_candidates.clear()
        for candidate in waiting:
            try:
                await self.connection.addIceCandidate(candidate.ice_candidate)
            except (RemoteError, InvalidStateError) as error:
                # Of a call that crossed ours, or of a generation that is over.
                _logger.debug("ring: a candidate of %s: %s", shown_device(self), error)

    def count_crossing(self) -> None:
        """Count a call of the device that crossed ours.

        Raises:
            NegotiationError: There were too many.
        """
        self._crossings += 1
        if self._crossings > _MOST_CROSSINGS:
            raise NegotiationError("it calls whenever it is called")

    async def negotiate(self) -> None:
        """Negotiate after the final answer, until the channel or the connection is closed."""
        assert self._negotiator is not None
        await self._negotiator.run()

    async def watch(self) -> None:
        """Wait until the connection is lost.

        Raises:
            PeerError: It has failed.
        """
        await self._answered.wait()
        assert self._loss is not None
        await self._loss.wait()
        if self.connection.error is not None:
            raise self.connection.error

    def tell_trace(self, direction: Direction, *, summary: str, text: str = "") -> None:
        """Add a message of the room to the trace of the connection, which tells whose it is."""
        if self._connection is not None:
            self._connection.trace_message(direction, protocol="room", summary=summary, text=text)

    async def close(self, reason: str) -> None:
        """End the call, and tell the device why; the first reason counts."""
        if self.state is not DeviceState.ENDED:
            self.state = DeviceState.ENDED
            self.reason = reason
            _logger.info("ring: %s: %s", shown_device(self), printable(reason))
            bye = f"bye to {shown_device(self)}"
            self.tell_trace(Direction.OUT, summary=bye, text=printable(reason))
        with contextlib.suppress(TimeoutError, ChannelClosed):
            async with asyncio.timeout(_GOODBYE):
                await self.channel.close(reason)
        if self._connection is not None:
            await self._connection.close()


def shown_device(device: RingingDevice) -> str:
    """Return what logs and people are told of a device: its name, made safe to print."""
    return printable(device.channel.peer.name) or device.channel.peer.member
