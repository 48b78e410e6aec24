"""Signal handling of a program that completes its work before it ends."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
#: Errors of a loop that takes no signals: on Windows, and outside the main thread.
_UNABLE: Final = (NotImplementedError, RuntimeError, ValueError)


@contextlib.contextmanager
def stopped_by_signals(stop: asyncio.Event) -> Iterator[None]:
    """Set the event on the first SIGINT or SIGTERM; the next one has its default effect."""
    loop = asyncio.get_running_loop()

    def release() -> None:
        for number in _SIGNALS:
            with contextlib.suppress(*_UNABLE):
                loop.remove_signal_handler(number)

    def on_signal() -> None:
        stop.set()
        release()

    for number in _SIGNALS:
        # Where the loop takes none, Ctrl-C is a KeyboardInterrupt.
        with contextlib.suppress(*_UNABLE):
            loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        release()
