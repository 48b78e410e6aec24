"""Choice of the destination that a recorder is given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from media.recording.segments import FileNames
from media.recording.sinks.stream import StreamDestination, Writable
from media.recording.sinks.urls import UrlDestination, is_url

if TYPE_CHECKING:
    from media.recording.containers import Container
    from media.recording.destination import Destination
    from media.recording.segments import SegmentRule


def destination_of(where: str | Path | Writable, *, anew: bool) -> Destination:
    """Return the destination of a path, a URL or a file-like object.

    Args:
        where: The path or URL, or the template of a series, or the object.
        anew: True to overwrite the file at a path that is no template.

    Raises:
        ValueError: The template is malformed.
        DestinationError: The object takes no bytes, or fsspec does not know the URL.
    """
    if isinstance(where, str) and is_url(where):
        return UrlDestination(where, anew=anew)
    if isinstance(where, str | Path):
        return FileNames(where, anew=anew)
    return StreamDestination(where)


def check(destination: Destination, container: Container, rule: SegmentRule) -> None:
    """Check that a destination can hold a recording, before it begins.

    Raises:
        DestinationError: The destination cannot hold it; the text says what fits.
    """
    if isinstance(destination, StreamDestination):
        destination.check(container, rule)
