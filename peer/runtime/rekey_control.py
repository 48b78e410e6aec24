"""Owns what rekeying asks of a connection: the wish for new keys, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.events import EventName, RekeyedEvent
from peer.identity.certificate import Certificate
from peer.negotiation.effects import ConnectDtls
from peer.rekey.course import Agreed
from peer.states import ConnectionState, SignalingState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer.negotiation.effects import Effect
    from peer.negotiation.session import Session
    from peer.rekey.course import RekeyResult
    from peer.runtime.control import Control

_OFFERING = (SignalingState.HAVE_LOCAL_OFFER, SignalingState.HAVE_REMOTE_PRANSWER)


class RekeyControl:
    """The `RekeyHost` of one connection.

    Args:
        control: The connection.
        configured: The identity that the application chose, or None.
    """

    def __init__(self, control: Control, configured: Certificate | None) -> None:
        self._control = control
        self._configured = configured

    def request_rekey(self, certificate: Certificate | None) -> None:
        """Wish for new keys, with the next offer."""
        # An identity that the application chose stays, as others may have pinned it.
        shown = certificate or self._configured or Certificate.generate()
        self._control.negotiator.want_rekey(self._control.world.wallet.add(shown))
        self._control.check_negotiation()

    def withdraw_rekey(self) -> None:
        """Nobody has answered."""
        self._control.negotiator.withdraw_rekey()

    def can_rekey(self) -> bool:
        """Whether this is a moment to ask for new keys."""
        connected = self._control.states.connection is ConnectionState.CONNECTED
        return connected and self._control.negotiator.session.state is SignalingState.STABLE

    def packets_protected(self) -> int:
        """By all associations."""
        stats = [bundle.secure.stats() for bundle in self._control.world.bundles.values()]
        return sum(each.packets_sent + each.packets_received for each in stats)

    def on_rekey(self, result: RekeyResult) -> None:
        """One has ended."""
        name = EventName.REKEYED if result.changed else EventName.REKEY_FAILED
        if not self._control.closed:
            self._control.events.emit(name, RekeyedEvent(result))


def agreed_associations(before: Session, effects: Iterable[Effect]) -> Agreed:
    """The associations that a description makes beside those that serve.

    Args:
        before: The session that the description was applied to.
        effects: Of the description.
    """
    later = [e for e in effects if isinstance(e, ConnectDtls) and e.association > 0]
    return Agreed(
        associations={effect.key: effect.association for effect in later},
        doubtful=frozenset(effect.key for effect in later if not effect.certain),
        offered_by_us=before.rekey is not None and before.state in _OFFERING,
    )
