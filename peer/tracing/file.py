"""Writes and reads trace files: one event a line, as JSON."""

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
from peer.owner_only import create_owner_only
from peer.tracing.events import TraceEvent

#: Longest line, in bytes: the longest description that we accept, or a datagram, fits (ours).
LONGEST_LINE = 1024 * 1024
#: Largest file, in bytes: about a day of an idle call, or a million events (ours).
LARGEST_FILE = 256 * 1024 * 1024
#: Write buffer of a file, in bytes (ours).
_BUFFER = 64 * 1024
_TYPES: dict[str, type[TraceEvent]] = {event.__name__: event for event in get_args(TraceEvent)}


class TraceWriter:
    """A trace sink that writes a file, and a context manager that closes it.

    Events after `close`, or beyond `limit`, are left out and counted.

    Args:
        path: The file, which is overwritten.
        limit: The greatest size of the file in bytes.

    Attributes:
        left_out: The number of events that are not in the file.

    Raises:
        OSError: The file cannot be written.
    """

    def __init__(self, path: str | Path, *, limit: int = LARGEST_FILE) -> None:
        self.left_out = 0
        self._room = limit
        # Descriptions hold the passwords of ICE.
        self._file = create_owner_only(path, buffering=_BUFFER)

    def __repr__(self) -> str:
        state = "closed" if self._file.closed else f"{self._room} bytes left"
        return f"<TraceWriter {self._file.name!r} {state}>"

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
        """Write one event as a line."""
        line = encode(event) + b"\n"
        if self._file.closed or len(line) > min(self._room, LONGEST_LINE):
            self.left_out += 1
            return
        self._room -= len(line)
        self._file.write(line)

    def flush(self) -> None:
        """Write out the buffer, for a program that reads the file while it grows."""
        if not self._file.closed:
            self._file.flush()

    def close(self) -> None:
        """Write out the buffer and close the file; safe to call twice."""
        self._file.close()


def read_trace(path: str | Path) -> list[TraceEvent]:
    """Read the events of a trace file.

    A last line that was cut off, as by a program that was killed, is skipped.

    Raises:
        TraceFileError: A line is no event; the error says which line and why.
        OSError: The file cannot be read.
    """
    return list(_events(Path(path)))


def encode(event: TraceEvent) -> bytes:
    """Encode an event as one line of JSON, without line end.

    Bytes are in base64; fields with their default value are left out.
    """
    fields = {
        field.name: value
        for field in dataclasses.fields(event)
        if (value := getattr(event, field.name)) != field.default
    }
    # Not by msgspec, which refuses the lone surrogates that a peer may put into a description.
    return json.dumps({"event": type(event).__name__, **fields}, default=_base64).encode()


def decode(line: bytes) -> TraceEvent:
    """Decode the event of one line.

    Raises:
        ValueError: The line is no event; the message says why.
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
    # NaN and Infinity are no JSON, though Python reads them, and no time.
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
