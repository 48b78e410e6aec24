"""Raises aiortc's exceptions where ours arise, with ours as their cause."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from aiortc.exceptions import (
    InternalError,
    InvalidAccessError,
    InvalidStateError,
    OperationError,
)

from peer import errors
from peer.compat.negotiation import NoCommonCodecError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: aiortc's class for each of ours; the first that fits counts.
_CLASSES: tuple[tuple[type[errors.PeerError], type[Exception]], ...] = (
    (errors.InvalidStateError, InvalidStateError),
    (errors.InvalidAccessError, InvalidAccessError),
    (NoCommonCodecError, OperationError),
    (errors.LocalError, ValueError),
    (errors.RemoteError, ValueError),
    (errors.TransportError, ConnectionError),
)


@contextmanager
def aiortc_errors() -> Iterator[None]:
    """Translate an exception of ours that leaves the block.

    Raises:
        Exception: One of `aiortc.exceptions`, a ValueError where a description or an argument is
            refused, a ConnectionError where no socket can be bound.
    """
    try:
        yield
    except errors.PeerError as error:
        raise translated(error) from error


def translated(error: errors.PeerError) -> Exception:
    """Return the exception that aiortc has for one of ours, with the same sentence."""
    kind = next((theirs for ours, theirs in _CLASSES if isinstance(error, ours)), InternalError)
    return kind(str(error))


__all__ = [
    "InternalError",
    "InvalidAccessError",
    "InvalidStateError",
    "OperationError",
    "aiortc_errors",
    "translated",
]
