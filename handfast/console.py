"""A terminal for texts of strangers, in which control characters have no effect.

The name of a participant, a line of somebody's SDP and a saved trace may hold the control
characters by which a terminal is told to clear its screen, or to say something else than it was
sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console as RichConsole
from rich.segment import Segment

from peer.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import ConsoleOptions, RenderableType

_OURS = "\n\t"


class Console(RichConsole):
    """A console of rich that shows what it is given, without control characters of strangers.

    Nothing is highlighted, and `:CD:` in a fingerprint is no picture of a disc.

    Args:
        options: Those of `rich.console.Console`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, emoji=False, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render as rich does, without control characters: all output passes here."""
        for segment in super().render(renderable, options):
            # Those with `control` are rich's own movements of the cursor.
            if segment.control:
                yield segment
            else:
                yield Segment(printable(segment.text, keeps=_OURS), segment.style)
