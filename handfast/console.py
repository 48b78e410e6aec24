"""Owns the terminal that programs write to: what strangers sent is shown there, and does nothing.

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
    """Rich's, without colours of its own accord.

    Args:
        options: Of rich's.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """As of rich: everything that is written passes here."""
        for segment in super().render(renderable, options):
            # Those with `control` are rich's own movements of the cursor.
            if segment.control:
                yield segment
            else:
                yield Segment(printable(segment.text, keeps=_OURS), segment.style)
