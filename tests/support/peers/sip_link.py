"""Two SIP transports that are joined to each other: what one sends, the other receives, in order.

For tests of what stands above transports; messages go through parser and writer all the same.

::

    ours, theirs = joined_transports()
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from sipmessage import URI, Request, Response, Via

from signaling.sip.errors import SipTransportError
from signaling.sip.grammar import SipParameters
from signaling.sip.parsing import parse_message, write_message
from signaling.sip.transport.events import (
    SipMessageReceived,
    SipTransportLost,
    SipTransportRestored,
)
from signaling.sip.transport.interface import MAX_EVENTS, SipTransport
from signaling.sip.transport.queue import TransportQueue


class JoinedTransport(SipTransport):
    """One end of the link.

    Attributes:
        host: Its name in Via and Contact.
        sent: Every message that went out, oldest first.
        edit: Called with each message that goes out; None where it is lost on the way.
    """

    def __init__(self, name: str) -> None:
        self.url = f"memory:{name}"
        self.reliable = True
        self.secure = True
        self.sent: list[Request | Response] = []
        self.edit: Callable[[Request | Response], Request | Response | None] = _unchanged
        self.host = f"{name}.invalid"
        self._queue = TransportQueue(MAX_EVENTS)
        self._others: list[JoinedTransport] = []

    @property
    def via(self) -> Via:
        return Via("TLS", self.host, None, SipParameters())

    @property
    def contact(self) -> URI:
        return URI("sip", self.host, parameters=SipParameters(uri=True))

    def join(self, *others: JoinedTransport) -> None:
        """Send to other ends from now on: requests of a dialog to the one that they name."""
        self._others += others

    async def send(self, message: Request | Response, flow: Hashable = None) -> None:
        edited = self.edit(message)
        if not self._others:
            raise SipTransportError("there is no other end")
        self.sent.append(message)
        if edited is None:
            return
        named = [each for each in self._others if each.is_named_by(edited)]
        for other in named or self._others:
            received = parse_message(write_message(edited))
            other._queue.offer(SipMessageReceived(received, None))  # noqa: SLF001 - its like

    def tell(self, event: SipTransportLost | SipTransportRestored) -> None:
        """Tell the phone above what a connection would."""
        self._queue.tell(event)

    def is_named_by(self, message: Request | Response) -> bool:
        """Tell whether a request is for the Contact of this end."""
        return isinstance(message, Request) and message.uri.host == self.contact.host

    async def close(self) -> None:
        self._queue.end("the link is closed")

    def requests(self, *methods: str) -> list[Request]:
        """Return the requests of some methods that went out, oldest first."""
        return [each for each in self.sent if isinstance(each, Request) and each.method in methods]


def joined_transports() -> tuple[JoinedTransport, JoinedTransport]:
    """Make the two ends of a link."""
    one, other = JoinedTransport("one"), JoinedTransport("other")
    one.join(other)
    other.join(one)
    return one, other


def forking_transports(count: int) -> tuple[JoinedTransport, list[JoinedTransport]]:
    """Make a link that passes an INVITE of one end to several others, as a forking proxy does."""
    one = JoinedTransport("one")
    others = [JoinedTransport(f"other{number}") for number in range(count)]
    one.join(*others)
    for other in others:
        other.join(one)
    return one, others


def _unchanged(message: Request | Response) -> Request | Response:
    return message
