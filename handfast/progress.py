"""Progress of a program: one line that changes in a terminal, else a line now and then."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from rich.live import Live
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from handfast.console import Console

#: Seconds between two updates, where one line changes, and where lines are added (ours).
_REFRESH: Final = 0.25
_LINE: Final = 10.0


class ProgressLine:
    """Shows the progress of a program on a console.

    Args:
        console: The console.
        interval: Seconds between two lines where the console is no terminal.
    """

    def __init__(self, console: Console, *, interval: float = _LINE) -> None:
        self._console = console
        self._interval = interval

    def note(self, text: str | Text) -> None:
        """Print a line that stays."""
        self._console.print(text, soft_wrap=True, markup=False)

    @contextlib.asynccontextmanager
    async def showing(self, line: Callable[[], str]) -> AsyncIterator[None]:
        """Show the latest text of `line` while the context lasts."""
        showing = asyncio.create_task(self._show(line))
        try:
            yield
        finally:
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)

    async def _show(self, line: Callable[[], str]) -> None:
        if not self._console.is_terminal:
            while True:
                await asyncio.sleep(self._interval)
                self.note(line())
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            while True:
                live.update(Text(line(), style="bold", no_wrap=True), refresh=True)
                await asyncio.sleep(_REFRESH)
