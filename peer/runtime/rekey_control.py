"""Asks for the rekeys of a connection, and tells the application of their outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from peer.errors import InvalidStateError
from peer.events import EventName, RekeyedEvent
from peer.identity.certificate import Certificate, offered
from peer.identity.voucher import VoucherPurpose
from peer.rekey.manager import RekeyManager
from peer.states import ConnectionState, SignalingState

if TYPE_CHECKING:
    from peer.configuration import PeerConfiguration
    from peer.events import ConnectionEmitter
    from peer.negotiation.offer_answer import OfferAnswer
    from peer.rekey.result import RekeyResult
    from peer.runtime.connection_states import ConnectionStates
    from peer.runtime.connection_tap import ConnectionTap
    from peer.runtime.effect_executor import EffectExecutor


class RekeyedConnection(Protocol):
    """The connection whose keys change, as `RekeyControl` needs it."""

    events: ConnectionEmitter
    executor: EffectExecutor
    offer_answer: OfferAnswer
    states: ConnectionStates

    @property
    def closed(self) -> bool:
        """Tell whether `close` was called."""

    @property
    def tap(self) -> ConnectionTap | None:
        """The tap where a sink or a logger takes events now."""

    def check_open(self) -> None:
        """Raise an error where the connection is closed."""

    def check_negotiation(self) -> None:
        """Fire `negotiationneeded` where an offer is needed."""


class RekeyControl:
    """Joins the `RekeyManager` of a connection with its session, certificates and events.

    Args:
        host: The connection.
        configuration: Its configuration.

    Attributes:
        manager: Runs the rekeys.
    """

    def __init__(self, host: RekeyedConnection, configuration: PeerConfiguration) -> None:
        self._host = host
        self._held = configuration.certificates
        self.manager = RekeyManager(
            self, configuration.rekey_after, keep_path=configuration.rekey_keep_path
        )

    def __repr__(self) -> str:
        return f"<RekeyControl {self.manager!r}>"

    async def rekey(self, certificate: Certificate | None, *, keep_path: bool) -> RekeyResult:
        """Change the keys of all transports; see `PeerConnection.rekey`.

        Raises:
            InvalidStateError: The connection is not connected.
        """
        self._host.check_open()
        state = self._host.states.connection
        if state is not ConnectionState.CONNECTED:
            raise InvalidStateError(
                f"the keys of a connection that is {state.value!r} cannot change"
            )
        if not self._host.executor.uses_dtls:
            raise InvalidStateError(
                "media has no DTLS association, so that there are no keys to change"
            )
        return await self.manager.request("it was asked for here", certificate, keep_path=keep_path)

    def request_rekey(self, certificate: Certificate | None, *, keep_path: bool) -> None:
        """Put the fingerprint of a certificate into the next offer, and ask for negotiation.

        Args:
            certificate: None for the one of the configured certificates that lasts, or else a
                fresh one.
            keep_path: Offer no ICE restart with it.
        """
        # An identity that the application chose stays, as others may have pinned it.
        shown = certificate or offered(self._held) or Certificate.generate()
        certificates, offer_answer = self._host.executor.certificates, self._host.offer_answer
        former = certificates[offer_answer.session.fingerprints]
        # A renewal leads further than what is for this connection alone.
        if former.der not in (shown.der, *(each.former for each in shown.vouchers)):
            shown = shown.vouched_by(former, VoucherPurpose.REKEY)
        fingerprints = certificates.add(shown)
        offer_answer.request_rekey(fingerprints, keep_path=keep_path)
        self._host.check_negotiation()

    def withdraw_rekey(self) -> None:
        """Drop the request for new keys, which no answer came to."""
        self._host.offer_answer.cancel_rekey_request()

    def can_rekey(self) -> bool:
        """Tell whether the connection is connected and its signalling state stable."""
        host = self._host
        connected = host.states.connection is ConnectionState.CONNECTED and host.executor.uses_dtls
        return connected and host.offer_answer.session.state is SignalingState.STABLE

    def packets_protected(self) -> int:
        """Return the packets sent and received by all associations of all transports."""
        stats = [each.secure.stats() for each in self._host.executor.transports.values()]
        return sum(each.packets_sent + each.packets_received for each in stats)

    def on_rekey(self, result: RekeyResult) -> None:
        """Fire `rekeyed` or `rekeyfailed`, unless the connection is closed."""
        if (tap := self._host.tap) is not None:
            tap.rekeyed(result)
        if not self._host.closed:
            name = EventName.REKEYED if result.changed else EventName.REKEY_FAILED
            self._host.events.emit(name, RekeyedEvent(result))
