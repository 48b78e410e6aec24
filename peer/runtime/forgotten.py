"""Closes connections that no program refers to any more."""

from __future__ import annotations

import asyncio
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING

from peer.tracing.log import CONNECTION

if TYPE_CHECKING:
    from types import FrameType

    from peer.runtime.core import ConnectionCore

#: Closings that are under way; nothing else refers to their connections.
_closings: set[asyncio.Task[None]] = set()


def forget(core: ConnectionCore, origin: tuple[str, int]) -> None:
    """Close a connection whose `PeerConnection` is collected, and warn; called by any thread.

    Args:
        core: The connection; one that is closed, or has no sockets, is let go in silence.
        origin: The file and line that made it.
    """
    if core.closed or not core.executor.transports:
        return
    filename, line = origin
    if core.loop is not None:
        # A loop that is closed already has let go of its sockets.
        with suppress(RuntimeError):
            core.loop.call_soon_threadsafe(_close, core, origin)
    warnings.warn_explicit(
        f"{core.id}, made at {filename}:{line}, was forgotten without close()",
        ResourceWarning,
        filename,
        line,
    )


def _close(core: ConnectionCore, origin: tuple[str, int]) -> None:
    CONNECTION.warning(
        "[%s] made at %s:%d, was forgotten without close(), and is closed", core.id, *origin
    )
    task = asyncio.get_running_loop().create_task(core.close())
    _closings.add(task)
    task.add_done_callback(_closings.discard)


def where_made(made: object, frame: FrameType | None) -> tuple[str, int]:
    """Find the file and line that made a connection, behind the constructors of its class."""
    while frame is not None and (
        frame.f_code.co_name == "__init__" and frame.f_locals.get("self") is made
    ):
        frame = frame.f_back
    return ("unknown", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)
