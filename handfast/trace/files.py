"""Reads traces from files and writes pages, with one sentence for each failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handfast.trace.ladder import TracedEnd
from handfast.trace.rows import Lifeline
from handfast.trace.words import clean
from peer.errors import TraceFileError
from peer.tracing.file import read_trace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


#: Traces of a folder that are named where there are too many (ours).
_NEWEST = 12


class TraceError(Exception):
    """A trace cannot be drawn; the text is one sentence for the user."""


def load(paths: Sequence[Path]) -> list[TracedEnd]:
    """Read the traces of one or both ends, each named after its file.

    A folder stands for the one or two traces in it.

    Raises:
        TraceError: A file is missing, cannot be read, or is no trace.
    """
    paths = [found for path in paths for found in (_inside(path) if path.is_dir() else [path])]
    stems = [path.stem for path in paths]
    names = stems if len(set(stems)) == len(stems) else [str(path) for path in paths]
    return [_end(path, name) for path, name in zip(paths, names, strict=True)]


def save(page: str, path: Path, *, read: Sequence[Path]) -> None:
    """Write a page, unless the path is one of the traces that it was made from.

    Raises:
        TraceError: The page cannot be written there.
    """
    try:
        if any(path.exists() and path.samefile(trace) for trace in read):
            raise TraceError(f"{_name(path)} is a trace that is read; choose another file.")
        path.write_text(page, "utf-8")
    except OSError as error:
        raise TraceError(f"Cannot write {_name(path)}: {error.strerror}.") from error


def _inside(folder: Path) -> list[Path]:
    """Return the traces of a folder that `HANDFAST_TRACE` named, where they are one or two.

    Raises:
        TraceError: There are none, or more than a ladder has sides.
    """
    found = sorted(folder.glob("*.trace"))
    if not found:
        raise TraceError(f"There is no trace (*.trace) in {_name(folder)}.")
    if len(found) > len(Lifeline):
        newest = "".join(f"\n  {_name(path)}" for path in found[-_NEWEST:])
        raise TraceError(
            f"{_name(folder)} has {len(found)} traces; name one, or the two ends of one call. "
            f"The newest are:{newest}"
        )
    return found


def _end(path: Path, name: str) -> TracedEnd:
    try:
        events = read_trace(path)
    except FileNotFoundError as error:
        raise TraceError(f"There is no file {_name(path)}.") from error
    except OSError as error:
        raise TraceError(f"Cannot read {_name(path)}: {error.strerror}.") from error
    except TraceFileError as error:
        raise TraceError(
            f"{_name(path)} is no trace, line {error.line_number}: {clean(error.reason)}."
        ) from error
    if not events:
        raise TraceError(f"{_name(path)} is empty: nothing was traced.")
    return TracedEnd(name, events)


def _name(path: Path) -> str:
    return clean(str(path))
