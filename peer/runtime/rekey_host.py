"""Joins the rekey manager to one connection: its certificates, negotiation and events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from peer.events import EventName, RekeyedEvent
from peer.identity.certificate import Certificate
from peer.states import ConnectionState, SignalingState

if TYPE_CHECKING:
    from peer.events import ConnectionEmitter
    from peer.negotiation.offer_answer import OfferAnswer
    from peer.rekey.result import RekeyResult
    from peer.runtime.connection_states import ConnectionStates
    from peer.runtime.connection_tap import ConnectionTap
    from peer.runtime.effect_executor import EffectExecutor


class RekeyableConnection(Protocol):
    """The parts of a connection that a rekey changes or asks."""

    offer_answer: OfferAnswer
    executor: EffectExecutor
    states: ConnectionStates
    events: ConnectionEmitter
    tap: ConnectionTap

    @property
    def closed(self) -> bool:
        """Tell whether the connection was closed."""

    def check_negotiation(self) -> None:
        """Fire `negotiationneeded` where an offer is needed."""


class ConnectionRekeyHost:
    """The `RekeyHost` of one connection.

    Args:
        connection: The connection.
        configured: The certificate that the application chose, or None.
    """

    def __init__(self, connection: RekeyableConnection, configured: Certificate | None) -> None:
        self._connection = connection
        self._configured = configured

    def request_rekey(self, certificate: Certificate | None) -> None:
        """Put the fingerprint of a certificate into the next offer, and ask for negotiation.

        Args:
            certificate: None for the configured certificate, or else a fresh one.
        """
        # An identity that the application chose stays, as others may have pinned it.
        shown = certificate or self._configured or Certificate.generate()
        fingerprints = self._connection.executor.certificates.add(shown)
        self._connection.offer_answer.request_rekey(fingerprints)
        self._connection.check_negotiation()

    def withdraw_rekey(self) -> None:
        """Drop the request for new keys, which no answer came to."""
        self._connection.offer_answer.cancel_rekey_request()

    def can_rekey(self) -> bool:
        """Tell whether the connection is connected and its signalling state stable."""
        connected = self._connection.states.connection is ConnectionState.CONNECTED
        return connected and self._connection.offer_answer.session.state is SignalingState.STABLE

    def packets_protected(self) -> int:
        """Return the packets sent and received by all associations of all transports."""
        transports = self._connection.executor.transports.values()
        stats = [transport.secure.stats() for transport in transports]
        return sum(each.packets_sent + each.packets_received for each in stats)

    def on_rekey(self, result: RekeyResult) -> None:
        """Fire `rekeyed` or `rekeyfailed`, unless the connection is closed."""
        self._connection.tap.rekeyed(result)
        name = EventName.REKEYED if result.changed else EventName.REKEY_FAILED
        if not self._connection.closed:
            self._connection.events.emit(name, RekeyedEvent(result))
