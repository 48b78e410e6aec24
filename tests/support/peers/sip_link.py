"""Two SIP transports that are joined to each other: what one sends, the other receives, in order.

For tests of what stands above transports; messages go through parser and writer all the same.

::

    ours, theirs = joined_transports()
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from sipmessage import URI, Request, Response, Via

from signaling.sip.errors import SipTransportError
from signaling.sip.grammar import SipParameters
from signaling.sip.parsing import parse_message, write_message
from signaling.sip.transport.events import SipMessageReceived
from signaling.sip.transport.interface import MAX_EVENTS, SipTransport
from signaling.sip.transport.queue import TransportQueue

if TYPE_CHECKING:
    from collections.abc import Collection


class JoinedTransport(SipTransport):
    """One end of the link.

    Attributes:
        sent: Every message that went out, oldest first.
        edit: Called with each message that goes out; None where it is lost on the way.
    """

    def __init__(self, name: str) -> None:
        self.url = f"memory:{name}"
        self.reliable = True
        self.secure = True
        self.sent: list[Request | Response] = []
        self.edit: Callable[[Request | Response], Request | Response | None] = _unchanged
        self._name = name
        self._queue = TransportQueue(MAX_EVENTS)
        self._other: JoinedTransport | None = None

    @property
    def via(self) -> Via:
        return Via("TLS", f"{self._name}.invalid", None, SipParameters())

    @property
    def contact(self) -> URI:
        return URI("sip", f"{self._name}.invalid", parameters=SipParameters(uri=True))

    def join(self, other: JoinedTransport) -> None:
        """Send to another end from now on."""
        self._other = other

    async def send(self, message: Request | Response, flow: Hashable = None) -> None:
        edited = self.edit(message)
        if self._other is None:
            raise SipTransportError("there is no other end")
        self.sent.append(message)
        if edited is not None:
            received = parse_message(write_message(edited))
            self._other._queue.offer(SipMessageReceived(received, None))  # noqa: SLF001 - its like

    async def close(self) -> None:
        self._queue.end("the link is closed")

    def requests(self, *methods: str) -> Collection[Request]:
        """Return the requests of some methods that went out, oldest first."""
        return [each for each in self.sent if isinstance(each, Request) and each.method in methods]


def joined_transports() -> tuple[JoinedTransport, JoinedTransport]:
    """Make the two ends of a link."""
    one, other = JoinedTransport("one"), JoinedTransport("other")
    one.join(other)
    other.join(one)
    return one, other


def _unchanged(message: Request | Response) -> Request | Response:
    return message
