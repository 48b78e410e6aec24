"""The interface that every SIP transport has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from signaling.sip.errors import SipTransportError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Hashable

    from sipmessage import URI, Request, Response, Via

    from signaling.sip.transport.events import SipTransportEvent
    from signaling.sip.transport.queue import TransportQueue

#: Events that wait to be taken (ours); then a stream is not read on, and datagrams are dropped.
MAX_EVENTS: Final = 256


class SipTransport(ABC):
    """Sends and receives SIP messages; `signaling.sip.transport.opening` opens one by its URL.

    Attributes:
        url: URL of the server.
        reliable: False where messages may be lost, so that transactions repeat them.
        secure: True where TLS protects it.
    """

    url: str
    reliable: bool
    secure: bool
    _queue: TransportQueue

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"

    async def __aenter__(self) -> SipTransport:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    @abstractmethod
    def via(self) -> Via:
        """The topmost Via of our requests, without a branch."""

    @property
    @abstractmethod
    def contact(self) -> URI:
        """The URI of our Contact, without a user."""

    @abstractmethod
    async def send(self, message: Request | Response, flow: Hashable = None) -> None:
        """Send a message, whose Content-Length is set.

        Args:
            message: The message, complete with Via.
            flow: Of the request that it answers; None for the server.

        Raises:
            SipTransportError: There is no connection now, or it does not take the message.
            SipUsageError: A header of the message cannot be written.
        """

    @abstractmethod
    async def close(self) -> None:
        """Close the transport, whose waiting events can still be taken."""

    async def receive(self) -> SipTransportEvent:
        """Wait for the next event.

        Raises:
            SipTransportError: The transport is closed, or lost for good.
        """
        return await self._queue.get()

    async def events(self) -> AsyncIterator[SipTransportEvent]:
        """Yield events until the transport is closed or lost for good."""
        while True:
            try:
                event = await self.receive()
            except SipTransportError:
                return
            yield event
