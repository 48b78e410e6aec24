"""Trace files keep their events, and name the line that is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peer.errors import TraceFileError
from peer.times import UnixTime
from peer.tracing.events import Datagram, DatagramKind, Direction, StateChanged, TraceEvent
from peer.tracing.file import LONGEST_LINE, TraceWriter, decode, encode, read_trace

FIRST = StateChanged(time=UnixTime(1.0), machine="connectionState", state="connecting")
SECOND = StateChanged(time=UnixTime(2.0), machine="connectionState", state="connected")

# Text that a peer may choose, the lone surrogates of a careless JSON decoder among it.
texts = st.text(st.characters())
finite = st.floats(allow_nan=False, allow_infinity=False)
events: st.SearchStrategy[TraceEvent] = st.one_of(
    *(
        st.builds(
            kind,
            time=finite,
            **{
                name: texts if annotation == "str" else finite
                for name, annotation in kind.__annotations__.items()
                if annotation in ("str", "Seconds")
            },
        )
        for kind in get_args(TraceEvent)
    )
)


@contextmanager
def file(content: bytes) -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "trace.jsonl"
        path.touch(0o600)
        path.write_bytes(content)
        yield path


@given(events)
def test_trace_event_survives_encoding_and_decoding(event: TraceEvent) -> None:
    line = encode(event)
    assert b"\n" not in line
    assert decode(line) == event


@given(st.lists(events, max_size=5))
@settings(max_examples=25)
def test_trace_file_survives_writing_and_reading(written: list[TraceEvent]) -> None:
    with file(b"") as path:
        with TraceWriter(path) as writer:
            for event in written:
                writer(event)
        assert read_trace(path) == written


@given(st.one_of(st.binary(), st.binary().map(lambda noise: b'{"event":"Failed",' + noise)))
def test_any_trace_line_is_an_event_or_an_error(content: bytes) -> None:
    with file(content + b"\n") as path, suppress(TraceFileError):
        read_trace(path)


@given(events, st.data())
def test_trace_line_with_one_changed_field_is_an_event_or_an_error(
    event: TraceEvent, data: st.DataObject
) -> None:
    line = bytearray(encode(event))
    line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ValueError):
        decode(bytes(line))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"time": NaN, "event": "Failed"}', "not JSON"),
        (b"[]", "no event of a kind that is known"),
        (b'{"event": []}', "no event of a kind that is known"),
        (b'{"event": "Happened", "time": 1}', "no event of a kind that is known"),
        (b'{"event": "Failed", "time": 1}', "no Failed: .*`sentence`"),
        (b'{"event": "Failed", "time": "now", "sentence": ""}', r"no Failed: .*\$.time"),
        (b"x" * (LONGEST_LINE + 1), "longer than"),
    ],
)
def test_trace_file_error_names_line_and_reason(line: bytes, words: str) -> None:
    good = encode(FIRST) + b"\n"
    with file(good + line + b"\n") as path, pytest.raises(TraceFileError, match=words) as caught:
        read_trace(path)
    assert caught.value.line_number == 2


def test_truncated_last_line_of_trace_file_is_skipped() -> None:
    with file(encode(FIRST) + b"\n" + encode(SECOND)[:-9]) as path:
        assert read_trace(path) == [FIRST]


def test_file_that_is_no_trace_is_refused() -> None:
    with file(b"hello") as path, pytest.raises(TraceFileError, match="line 1 of the trace"):
        read_trace(path)


def test_trace_writer_stops_at_its_limit() -> None:
    one = len(encode(FIRST)) + 1
    with file(b"") as path:
        with TraceWriter(path, limit=one) as writer:
            writer(FIRST)
            writer(SECOND)
        assert read_trace(path) == [FIRST]
    assert writer.left_out == 1


def test_trace_writer_counts_events_after_close() -> None:
    with file(b"") as path:
        writer = TraceWriter(path)
        writer.close()
        writer.close()
        writer(FIRST)
        assert read_trace(path) == []
    assert writer.left_out == 1


def test_trace_file_keeps_data_of_datagrams() -> None:
    event = Datagram(
        time=UnixTime(1.0),
        direction=Direction.IN,
        kind=DatagramKind.DTLS,
        size=256,
        data=bytes(range(256)),
    )
    assert decode(encode(event)) == event
