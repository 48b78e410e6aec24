"""Choice of the destination that a recorder is given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from media.recording.segments import FileNames
from media.recording.sinks.delivery import Delivery, Upload
from media.recording.sinks.stream import StreamDestination, Writable
from media.recording.sinks.upload import UploadDestination
from media.recording.sinks.urls import UrlDestination, is_url

if TYPE_CHECKING:
    from media.recording.containers import Container
    from media.recording.destination import Destination
    from media.recording.segments import SegmentRule


def destination_of(where: str | Path | Writable | Upload, *, anew: bool) -> Destination:
    """Return the destination of a path, a URL, a file-like object or a callback.

    Args:
        where: The path or URL, or the template of a series, or the object, or the callback.
        anew: True to overwrite the file at a path that is no template.

    Raises:
        ValueError: The template is malformed.
        DestinationError: The object takes no bytes, or fsspec does not know the URL.
    """
    if isinstance(where, str) and is_url(where):
        return UrlDestination(where, anew=anew)
    if isinstance(where, str | Path):
        return FileNames(where, anew=anew)
    if isinstance(where, Upload):
        return UploadDestination(where)
    return StreamDestination(where)


def check(destination: Destination, container: Container, rule: SegmentRule) -> None:
    """Check that a destination can hold a recording, before it begins.

    Raises:
        DestinationError: The destination cannot hold it; the text says what fits.
    """
    match destination:
        case StreamDestination():
            destination.check(container, rule)
        case UploadDestination():
            destination.check(rule)
        case _:
            """Folders and URLs hold everything."""


def delivery_of(destination: Destination) -> Delivery | None:
    """Return the parts of a destination that are on their way; None where there are none."""
    return destination.delivery if isinstance(destination, UploadDestination) else None
