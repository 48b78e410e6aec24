"""Owns traces in files: one event a line, as JSON."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, get_args

import msgspec

from peer.errors import TraceFileError
from peer.tracing.events import TraceEvent

#: Bytes. The longest description that we accept, or a datagram, fits well.
LONGEST_LINE = 1024 * 1024
#: Bytes; about a day of an idle call, or a million events.
LARGEST_FILE = 256 * 1024 * 1024

_BUFFER = 64 * 1024
_TYPES: dict[str, type[TraceEvent]] = {event.__name__: event for event in get_args(TraceEvent)}


class TraceWriter:
    """A sink that writes to a file, and a context manager that closes it.

    What comes after `close`, or does not fit into `limit`, is left out and counted.

    Args:
        path: A file there is written anew.
        limit: Bytes at which the file ends.

    Attributes:
        left_out: How many events are not in the file.

    Raises:
        OSError: The file cannot be written.
    """

    def __init__(self, path: str | Path, *, limit: int = LARGEST_FILE) -> None:
        self.left_out = 0
        self._room = limit
        self._file = Path(path).open("wb", buffering=_BUFFER)  # noqa: SIM115 - closed by `close`

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __call__(self, event: TraceEvent) -> None:
        """Write one event."""
        line = encode(event) + b"\n"
        if self._file.closed or len(line) > min(self._room, LONGEST_LINE):
            self.left_out += 1
            return
        self._room -= len(line)
        self._file.write(line)

    def flush(self) -> None:
        """Write what is still in memory, for whoever reads the file while it grows."""
        if not self._file.closed:
            self._file.flush()

    def close(self) -> None:
        """Write what is still in memory; any number of times."""
        self._file.close()


def read_trace(path: str | Path) -> list[TraceEvent]:
    """The events of a file.

    A last line that was cut off, as a program leaves it that was killed, is passed over.

    Raises:
        TraceFileError: A line is no event; the error says which and why.
        OSError: The file cannot be read.
    """
    return list(_events(Path(path)))


def encode(event: TraceEvent) -> bytes:
    """One line, without its end. Bytes are in base64, what has its default value is left out."""
    fields = {
        field.name: value
        for field in dataclasses.fields(event)
        if (value := getattr(event, field.name)) != field.default
    }
    # Not by msgspec, which refuses the lone surrogates that a peer may put into a description.
    return json.dumps({"event": type(event).__name__, **fields}, default=_base64).encode()


def decode(line: bytes) -> TraceEvent:
    """The event of one line.

    Raises:
        ValueError: It is none; in words.
    """
    if len(line) > LONGEST_LINE:
        raise ValueError(f"longer than {LONGEST_LINE} bytes")
    try:
        fields: Any = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ValueError("not JSON") from error
    kind = _TYPES.get(str(fields.pop("event", ""))) if isinstance(fields, dict) else None
    if kind is None:
        raise ValueError("no event of a kind that is known")
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"no {kind.__name__}: {error}") from error


def _refuse(constant: str) -> None:
    # NaN and Infinity are Python's own, and no time.
    raise ValueError(constant)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _events(path: Path) -> Iterator[TraceEvent]:
    with path.open("rb") as file:
        number = 0
        # A little more than is allowed, so that what is too long is seen to be.
        while line := file.readline(LONGEST_LINE + 2):
            number += 1
            try:
                yield decode(line.removesuffix(b"\n"))
            except ValueError as error:
                if number > 1 and not line.endswith(b"\n") and len(line) <= LONGEST_LINE:
                    return
                raise TraceFileError(str(error), line_number=number) from error
