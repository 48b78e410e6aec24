"""Owns what is read and written: ends from files, pages into them, a sentence for each failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handfast.trace.ladder import TracedEnd
from handfast.trace.words import clean
from peer.errors import TraceFileError
from peer.tracing.file import read_trace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class TraceError(Exception):
    """A trace cannot be drawn; the text is one sentence for whoever asked."""


def load(paths: Sequence[Path]) -> list[TracedEnd]:
    """The ends whose traces these files are, called as their files are.

    Raises:
        TraceError: A file is not there, cannot be read, or is no trace.
    """
    stems = [path.stem for path in paths]
    names = stems if len(set(stems)) == len(stems) else [str(path) for path in paths]
    return [_end(path, name) for path, name in zip(paths, names, strict=True)]


def save(page: str, path: Path, *, read: Sequence[Path]) -> None:
    """Write a page, though not over the traces that it was made from.

    Raises:
        TraceError: It cannot be written there.
    """
    try:
        if any(path.exists() and path.samefile(trace) for trace in read):
            raise TraceError(f"{_name(path)} is a trace that is read; choose another file.")
        path.write_text(page, "utf-8")
    except OSError as error:
        raise TraceError(f"Cannot write {_name(path)}: {error.strerror}.") from error


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
