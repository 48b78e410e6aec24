"""Fires `negotiationneeded` once for each need of an offer (webrtc-pc section 4.7.3)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from peer.events import EventName
from peer.states import SignalingState

if TYPE_CHECKING:
    from peer.events import ConnectionEmitter
    from peer.negotiation.offer_answer import OfferAnswer
    from peer.runtime.operations_chain import OperationsChain


class NegotiatingConnection(Protocol):
    """The connection that may need an offer, as `NegotiationNeeded` needs it."""

    chain: OperationsChain
    events: ConnectionEmitter
    offer_answer: OfferAnswer

    @property
    def closed(self) -> bool:
        """Tell whether `close` was called."""


class NegotiationNeeded:
    """Negotiation-needed flag of one connection, and its event a turn of the event loop later.

    Args:
        host: The connection.
    """

    def __init__(self, host: NegotiatingConnection) -> None:
        self._host = host
        self._announced = False
        self._announcing = False

    def check(self) -> None:
        """Fire the event soon, where an offer is due and the application has not heard of it."""
        host = self._host
        if host.closed or not host.chain.empty:
            return
        if not host.offer_answer.negotiation_needed:
            self.settle()
            return
        if not self._announced:
            asyncio.get_running_loop().call_soon(self._announce)

    def settle(self) -> None:
        """Count what is needed from now on as a new need, where an exchange has ended."""
        if self._host.offer_answer.session.state is SignalingState.STABLE:
            self._announced = False

    def forget(self) -> None:
        """Announce a need again to the next handler, as the one that knew of it has gone."""
        # A handler that is called once goes while it is told.
        if not self._announcing:
            self._announced = False

    def _announce(self) -> None:
        host = self._host
        # An operation that runs by now checks again at its end.
        due = host.chain.empty and host.offer_answer.negotiation_needed
        if due and not self._announced and not host.closed:
            # Before the event: its handler may negotiate at once, and have another need.
            self._announced = self._announcing = True
            heard = host.events.emit(EventName.NEGOTIATION_NEEDED)
            self._announcing = False
            if not heard:
                # Without a handler the need waits for the first one that is added.
                self._announced = False
