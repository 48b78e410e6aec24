"""Owns what the end of a next association means for the one before it, and the words for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.transport.dtls import reasons
from peer.transport.rekey import Input

if TYPE_CHECKING:
    from peer.errors import DtlsError
    from peer.transport.lanes import Lane


def meaning(serving: Lane, following: Lane, otherwise: Input) -> Input:
    """What happened to the change of keys when `following` came to an end.

    Args:
        serving: The one before it.
        following: The one that will not serve.
        otherwise: What it is if the old keys are still somebody's.
    """
    if isinstance(following.association.error, reasons.MismatchError):
        return Input.MISMATCH
    # Without an answer, the description that names the old certificate is still in force.
    owned = not following.answered or serving.association.vouched_for(following.fingerprints)
    return otherwise if owned else Input.DISOWNED


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
