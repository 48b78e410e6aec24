"""A user of one transaction layer, which notes what the layer tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from sipmessage import Request, Response, Via

from signaling.sip.transactions.layer import TransactionLayer
from signaling.sip.transactions.outputs import RequestReceived, SendMessage, TransactionOutput
from tests.support.sip.messages import UDP

if TYPE_CHECKING:
    from signaling.sip.transactions.keys import ClientKey, ServerKey

Answer = Callable[[Request], Iterable[Response]]


class TransactionUser:
    """One end of a `VirtualLink`: a transaction layer whose user answers as a function says.

    Attributes:
        told: All that the layer told but messages to send.
    """

    def __init__(self, answer: Answer = lambda _: (), *, via: Via = UDP) -> None:
        self.layer = TransactionLayer(via=via)
        self.told: list[TransactionOutput] = []
        self._answer = answer

    def request(self, request: Request, now: float = 0.0) -> tuple[ClientKey, list[Request]]:
        """Begin a client transaction; return its key and what to send."""
        key, outputs = self.layer.request(request, now)
        return key, [
            message for message in self._take(outputs, now) if isinstance(message, Request)
        ]

    def respond(self, key: ServerKey, response: Response, now: float) -> list[Request | Response]:
        """Send a response."""
        return self._take(self.layer.respond(key, response, now), now)

    def cancel(self, key: ClientKey, now: float) -> list[Request | Response]:
        """Cancel an INVITE."""
        return self._take(self.layer.cancel(key, now), now)

    def receive(self, message: Request | Response, now: float) -> list[Request | Response]:
        """Take a message from the link."""
        return self._take(self.layer.receive(message, now), now)

    def advance(self, now: float) -> list[Request | Response]:
        """Let timers fire."""
        return self._take(self.layer.advance(now), now)

    def next_time(self) -> float | None:
        """Time of the next timer."""
        return self.layer.next_time()

    def _take(self, outputs: list[TransactionOutput], now: float) -> list[Request | Response]:
        sent: list[Request | Response] = []
        for output in outputs:
            if isinstance(output, SendMessage):
                sent.append(output.message)
                continue
            self.told.append(output)
            if isinstance(output, RequestReceived):
                for response in self._answer(output.request):
                    sent += self._take(self.layer.respond(output.key, response, now), now)
        return sent
