"""One connection to a SIP server, over which messages come whole and in order."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from sipmessage import URI, Via


class SipWire(Protocol):
    """One connection to a SIP server, until it breaks.

    Attributes:
        via: Topmost Via of requests over it, without a branch.
        contact: URI of a Contact that is reached over it, without a user.
    """

    via: Via
    contact: URI

    @abstractmethod
    async def send(self, data: bytes) -> None:
        """Send one message to the server.

        Raises:
            SipTransportError: The connection has broken, or takes nothing for too long.
        """

    @abstractmethod
    def receive(self) -> AsyncGenerator[bytes, None]:
        """Yield messages until the connection breaks.

        Raises:
            SipTransportError: It has broken, for this reason.
            SipMessageError: Nobody can tell where the next message begins.
        """

    @abstractmethod
    async def close(self) -> None:
        """Close the connection, within a second."""
