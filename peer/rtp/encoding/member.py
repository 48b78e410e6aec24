"""Owns `Member`: what a shared encoding knows of one of its subscriptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.encoding.outgoing import OutgoingFrame


@dataclass(slots=True, eq=False)
class Member:
    """One subscription.

    Args:
        on_frame: See `subscribe`.
        on_ended: See `subscribe`.
        on_error: See `subscribe`.
        active: Whether it wants frames now.
        ready: Whether it has had the key frame that pictures begin with.
        bitrate: The most bits a second it can take; None where it did not say.
    """

    on_frame: Callable[[OutgoingFrame], None]
    on_ended: Callable[[], None]
    on_error: Callable[[Exception], None]
    active: bool = True
    ready: bool = False
    bitrate: int | None = None

    def wants(self, *, keyframe: bool) -> bool:
        """Whether a frame is for it; the first one has to be a key frame."""
        if not self.active:
            return False
        self.ready = self.ready or keyframe
        return self.ready
