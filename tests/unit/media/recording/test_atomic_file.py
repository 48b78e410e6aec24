from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from media.recording.atomic_file import AtomicFile
from media.recording.errors import DiskFullError, RecordingError, UnwritableError


@contextmanager
def room_for(octets: int) -> Iterator[None]:
    """Let no file get larger: the system takes a part of what goes beyond, then refuses."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_nothing_is_on_disk_before_it_is_committed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    sink = AtomicFile(path)
    sink.write(b"ab")
    sink.write(b"cd")
    assert path.read_bytes() == b""
    assert sink.commit() == b"abcd"
    assert path.read_bytes() == b"abcd"
    assert sink.size == 4
    assert sink.commit() == b""
    sink.close()


def test_what_is_out_is_corrected_and_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "a"
    sink = AtomicFile(path)
    sink.write(b"abcd")
    sink.commit()
    sink.write(b"efgh")
    assert sink.seek(1) == 1
    sink.write(b"B")
    assert sink.tell() == 2
    assert sink.seek(3, os.SEEK_CUR) == 5
    sink.write(b"F")
    assert sink.seek(0, os.SEEK_END) == 8
    sink.write(b"i")
    # What is corrected before it is out is simply right.
    assert sink.commit() == b"eFghi"
    assert path.read_bytes() == b"aBcdeFghi"
    sink.seek(-2, os.SEEK_END)
    sink.write(b"HIJ")
    sink.commit()
    assert path.read_bytes() == b"aBcdeFgHIJ"
    assert sink.size == 10
    sink.close()


def test_a_piece_that_does_not_fit_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a"
    sink = AtomicFile(path)
    sink.write(b"abcd")
    sink.commit()
    with room_for(6):
        sink.write(b"efgh")
        with pytest.raises(DiskFullError) as raised:
            sink.commit()
        assert (raised.value.what, raised.value.where) == ("write", path)
        assert raised.value.errno == errno.EFBIG
        assert path.read_bytes() == b"abcd"
        assert sink.size == 4
    sink.close()


def test_so_does_a_correction_that_does_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "a"
    sink = AtomicFile(path)
    sink.write(b"abcd")
    sink.commit()
    with room_for(5):
        sink.seek(1)
        sink.write(b"BCDEF")
        with pytest.raises(DiskFullError):
            sink.commit()
        assert path.read_bytes() == b"abcd"
    sink.close()


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.symlink_to("/dev/full")
    sink = AtomicFile(path)
    sink.write(b"a")
    with pytest.raises(DiskFullError, match=f"cannot write {path}: No space left"):
        sink.commit()
    sink.close()


@pytest.mark.parametrize(
    ("path", "number"),
    [("missing/a", errno.ENOENT), ("file/a", errno.ENOTDIR), ("folder", errno.EISDIR)],
)
def test_a_file_that_cannot_be_made_is_named(tmp_path: Path, path: str, number: int) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(UnwritableError) as raised:
        AtomicFile(tmp_path / path)
    assert isinstance(raised.value, RecordingError)
    assert (raised.value.what, raised.value.where) == ("create", tmp_path / path)
    assert raised.value.errno == number


def test_what_cannot_be_flushed_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.symlink_to("/dev/full")
    sink = AtomicFile(path)
    with pytest.raises(UnwritableError, match="cannot flush"):
        sink.synchronise()
    sink.close()


def test_a_file_has_one_writer_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "a"
    first = AtomicFile(path)
    first.write(b"first")
    first.commit()
    with pytest.raises(UnwritableError, match=r"cannot create .*/a: another recording writes it"):
        AtomicFile(path)
    assert path.read_bytes() == b"first"
    first.close()
    second = AtomicFile(path)
    assert path.read_bytes() == b""
    second.close()
