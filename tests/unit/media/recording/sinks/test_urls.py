from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import fsspec  # type: ignore[import-untyped]  # as it is
import pytest
from fsspec.implementations.memory import (  # type: ignore[import-untyped]  # as it is
    MemoryFile,
    MemoryFileSystem,
)
from fsspec.spec import AbstractBufferedFile  # type: ignore[import-untyped]  # as it is

from media import Recorder
from media.recording.containers import Container
from media.recording.errors import DestinationError, UnwritableError
from media.recording.events import SegmentEnd
from media.recording.segments import SegmentRule
from media.recording.series import FileSeries
from media.recording.sinks.urls import UrlDestination
from tests.support.media.recorded import pictures, sounds
from tests.support.media.series_told import Told

if TYPE_CHECKING:
    from media.recording.timeline import PlacedFrame

MEMORY = fsspec.filesystem("memory")


@pytest.fixture(autouse=True)
def store() -> Iterator[None]:
    """An empty store in memory, before and after."""
    MEMORY.store.clear()
    yield
    MEMORY.store.clear()


class AppendOnly(AbstractBufferedFile):  # type: ignore[misc]  # fsspec has no types
    """File of an object store: it is there once it is closed, and nothing is written over."""

    def _initiate_upload(self) -> None:
        self.parts: list[bytes] = []

    def _upload_chunk(self, final: bool = False) -> bool:
        self.parts.append(self.buffer.getvalue())
        if final:
            MEMORY.store[self.path] = MemoryFile(MEMORY, self.path, b"".join(self.parts))
        return True


@pytest.fixture
def append_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store in memory take files as object stores do."""

    def opened(self: Any, url: str, mode: str = "rb", **_: Any) -> Any:
        assert mode == "wb"
        return AppendOnly(self, "/" + url.removeprefix("memory://"), mode)

    monkeypatch.setattr(MemoryFileSystem, "open", opened)


def record(url: str, *tracks: Iterable[PlacedFrame], rule: SegmentRule | None = None) -> Told:
    """All frames by their time, and the end of the last file."""
    told = Told()
    destination = UrlDestination(url, anew=False)
    container = Container.of(destination.name(1))
    series = FileSeries(destination, container, rule or SegmentRule(), told)
    for each in sorted((e for track in tracks for e in track), key=lambda e: e.time):
        series.push(each)
        series.advance()
    series.finish()
    return told


def packets(path: str) -> int:
    with av.open(io.BytesIO(MEMORY.cat_file(path)), "r") as file:
        return sum(1 for packet in file.demux() if packet.size)


@pytest.mark.parametrize("suffix", ["webm", "mkv", "mp4", "ogg"])
def test_recording_is_written_to_a_url_and_told_by_it(suffix: str) -> None:
    told = record(f"memory://room/call.{suffix}", sounds(0, 100))
    assert packets(f"/room/call.{suffix}") == 100
    assert [each.url for each in told.segments] == [f"memory://room/call.{suffix}"]
    assert told.segments[0].size == MEMORY.size(f"/room/call.{suffix}")


@pytest.mark.usefixtures("append_only")
@pytest.mark.parametrize("suffix", ["webm", "mkv", "mp4", "ogg"])
def test_object_store_that_writes_nothing_over_has_the_whole_recording(suffix: str) -> None:
    told = record(f"memory://call.{suffix}", sounds(0, 100))
    assert packets(f"/call.{suffix}") == 100
    assert not told.failures


@pytest.mark.usefixtures("append_only")
def test_playlist_in_an_object_store_is_that_which_a_folder_has(tmp_path: Path) -> None:
    record("memory://room/call.m3u8", sounds(0, 100), pictures("H264", 0, 60))
    record(f"file://{tmp_path}/call.m3u8", sounds(0, 100), pictures("H264", 0, 60))
    for name in ("call.m3u8", "call.m4s"):
        assert MEMORY.cat_file(f"/room/{name}") == (tmp_path / name).read_bytes()
    assert packets("/room/call.m4s") == 160


def test_series_of_urls_passes_over_names_that_exist() -> None:
    MEMORY.pipe_file("/call-2.webm", b"of yesterday")
    told = record("memory://call-{n}.webm", sounds(0, 300), rule=SegmentRule(duration=2))
    assert [each.url for each in told.segments] == [
        "memory://call-1.webm",
        "memory://call-3.webm",
        "memory://call-4.webm",
    ]
    assert [each.end for each in told.segments] == [
        SegmentEnd.DURATION,
        SegmentEnd.DURATION,
        SegmentEnd.STOPPED,
    ]
    assert MEMORY.cat_file("/call-2.webm") == b"of yesterday"
    assert sum(packets(f"/call-{n}.webm") for n in (1, 3, 4)) == 300


def test_store_that_refuses_is_named_and_ends_a_recording_of_which_nothing_was_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError("no such bucket")

    monkeypatch.setattr(MemoryFileSystem, "open", refuse)
    told = record("memory://call.webm", sounds(0, 600))
    assert [each.ended for each in told.failures] == [False, False, True]
    assert {type(each.error) for each in told.failures} == {UnwritableError}
    assert "cannot create call.webm: no such bucket" in str(told.failures[0].error)


def test_store_that_fails_for_a_while_costs_what_was_sent_meanwhile_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put = MemoryFileSystem.open
    calls = []

    def shaky(self: Any, *arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1:
            raise RuntimeError("503 slow down")
        return put(self, *arguments, **options)

    monkeypatch.setattr(MemoryFileSystem, "open", shaky)
    told = record("memory://call.webm", sounds(0, 200))
    assert [str(each.error) for each in told.failures] == ["cannot create call.webm: 503 slow down"]
    # After a second.
    assert packets("/call-2.webm") == 150


def test_url_without_fsspec_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(DestinationError, match=r"pip install handfast\[fsspec\]"):
        Recorder("s3://bucket/call.webm")


def test_url_that_fsspec_does_not_know_is_refused_before_the_recording_begins() -> None:
    with pytest.raises(DestinationError, match=r"nosuch://call\.webm cannot be recorded to"):
        Recorder("nosuch://call.webm")
    with pytest.raises(ValueError, match="no container is known"):
        Recorder("memory://call")
    with pytest.raises(ValueError, match="no field but n"):
        Recorder("memory://call-{x}.webm")
    assert Recorder("memory://call.webm").state == "inactive"
