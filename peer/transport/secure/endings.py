"""Owns how long a next association may take, what its end means, and the words for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.transport.dtls import reasons
from peer.transport.secure.rekey import FAREWELL, GRACE, Input, Phase

if TYPE_CHECKING:
    from peer.errors import DtlsError
    from peer.transport.secure.lanes import Lane


def patience(phase: Phase, following: Lane, *, path_up: bool, handshake: float) -> float | None:
    """Seconds until something has to happen in this phase; None where it has all the time.

    Args:
        phase: Of the change of keys.
        following: The next association.
        path_up: Whether the peer can be reached.
        handshake: Seconds that a handshake may take.
    """
    may_keep = following.answered and following.peer_may_keep and not following.called
    match phase:
        case Phase.HANDSHAKING if may_keep and path_up:
            return GRACE
        case Phase.HANDSHAKING_ALONE if following.handshaking:
            return FAREWELL
        case Phase.POISED:
            return handshake
        case Phase.SWITCHING | Phase.SWITCHING_ALONE:
            # So that a server that goes back can still be followed.
            return 2 * handshake
        case _:
            return None


def meaning(following: Lane, otherwise: Input) -> Input:
    """What happened to the change of keys when `following` came to an end.

    Args:
        following: The one that will not serve.
        otherwise: What it is if nobody has shown a certificate that was not announced.
    """
    is_mismatch = isinstance(following.association.error, reasons.MismatchError)
    return Input.MISMATCH if is_mismatch else otherwise


def why_kept(following: Lane, happened: Input, patience: float) -> tuple[str, DtlsError | None]:
    """Why the association before goes on, and the error where there was one."""
    error = following.association.error
    if error is not None:
        return str(error), error
    if happened is Input.SUPERSEDED:
        return reasons.superseded(), None
    if happened is not Input.EXPIRED:
        return reasons.given_up(), None
    if following.handshaking:
        return reasons.kept(), None
    return reasons.unused(patience), None
