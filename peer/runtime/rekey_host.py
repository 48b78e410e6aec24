"""Owns what rekeying asks of a connection: the wish for new keys, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.events import EventName, RekeyedEvent
from peer.identity.certificate import Certificate
from peer.negotiation.effects import ConnectDtls
from peer.rekey.manager import AgreedAssociations
from peer.states import ConnectionState, SignalingState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer.negotiation.effects import Effect
    from peer.negotiation.session import Session
    from peer.rekey.result import RekeyResult
    from peer.runtime.core import ConnectionCore

_OFFERING = (SignalingState.HAVE_LOCAL_OFFER, SignalingState.HAVE_REMOTE_PRANSWER)


class ConnectionRekeyHost:
    """The `RekeyHost` of one connection.

    Args:
        core: The connection.
        configured: The identity that the application chose, or None.
    """

    def __init__(self, core: ConnectionCore, configured: Certificate | None) -> None:
        self._core = core
        self._configured = configured

    def request_rekey(self, certificate: Certificate | None) -> None:
        """Wish for new keys, with the next offer."""
        # An identity that the application chose stays, as others may have pinned it.
        shown = certificate or self._configured or Certificate.generate()
        self._core.offer_answer.request_rekey(self._core.executor.certificates.add(shown))
        self._core.check_negotiation()

    def withdraw_rekey(self) -> None:
        """Nobody has answered."""
        self._core.offer_answer.cancel_rekey_request()

    def can_rekey(self) -> bool:
        """Whether this is a moment to ask for new keys."""
        connected = self._core.states.connection is ConnectionState.CONNECTED
        return connected and self._core.offer_answer.session.state is SignalingState.STABLE

    def packets_protected(self) -> int:
        """By all associations."""
        stats = [transport.secure.stats() for transport in self._core.executor.transports.values()]
        return sum(each.packets_sent + each.packets_received for each in stats)

    def on_rekey(self, result: RekeyResult) -> None:
        """One has ended."""
        name = EventName.REKEYED if result.changed else EventName.REKEY_FAILED
        if not self._core.closed:
            self._core.events.emit(name, RekeyedEvent(result))


def agreed_associations(before: Session, effects: Iterable[Effect]) -> AgreedAssociations:
    """The associations that a description makes beside those that serve.

    Args:
        before: The session that the description was applied to.
        effects: Of the description.
    """
    later = [e for e in effects if isinstance(e, ConnectDtls) and e.association > 0]
    return AgreedAssociations(
        associations={effect.key: effect.association for effect in later},
        peer_may_keep=frozenset(effect.key for effect in later if effect.peer_may_keep),
        offered_by_us=before.rekey is not None and before.state in _OFFERING,
    )
