"""Names of aiortc's tracks and PyAV's frames for the rest of the project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, overload

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.frame import Frame
from av.packet import Packet

from peer.emitter import PyeeEvents

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.emitter import PlainDecorator

    # An item that a track gives: decoded, or encoded already.
    MediaItem: TypeAlias = Frame | Packet[Any]

__all__ = ["Frame", "MediaStreamError", "MediaStreamTrack", "MediaTrack", "Packet"]


class MediaTrack(PyeeEvents, MediaStreamTrack):
    """A track of this project: aiortc's MediaStreamTrack, whose one event is `ended`."""

    event_names_of_class: ClassVar[tuple[str, ...]] = ("ended",)

    @property
    def muted(self) -> bool:
        """Tell whether the track has no media at present; one of our own has some always."""
        return False

    @overload  # type: ignore[override]  # pyee takes any name
    def on(self, event: Literal["ended"], f: None = None) -> PlainDecorator: ...
    @overload
    def on(self, event: Literal["ended"], f: Callable[[], object]) -> Callable[[], object]: ...
    def on(self, event: str, f: Any = None) -> Any:
        """Add a handler of `ended`, a function or a coroutine function; also a decorator.

        Raises:
            ValueError: A track has no event of that name.
        """
        return self._emitter.subscribe(event, f)
