"""Files of a process that is killed in the midst of a write."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from heapq import merge
from pathlib import Path

import pytest

from media.recording.atomic_file import placeholder
from media.recording.containers import Container, passes
from media.recording.muxer import Muxer
from tests.support.media.moving import codec_named
from tests.support.media.recording import VIDEO, Shot, audio, complaints, spec_of, times, video


class KilledError(Exception):
    """Stands for SIGKILL: no code of ours sees that."""


def stop_at(monkeypatch: pytest.MonkeyPatch, piece: int, octets: int) -> None:
    """Have the system take only so many octets of a large write, that many writes from now."""
    real, left = os.pwrite, piece

    def pwrite(file: int, data: bytes, place: int) -> int:
        nonlocal left
        left -= len(data) > octets
        if left < 0:
            real(file, bytes(data)[:octets], place)
            raise KilledError
        return real(file, data, place)

    monkeypatch.setattr(os, "pwrite", pwrite)


def until_stopped(muxer: Muxer, streams: list[Iterator[Shot]]) -> Fraction:
    """When the frame was that went no further, in seconds."""
    for shot in merge(*streams, key=lambda shot: shot.pts):
        try:
            shot.write(muxer)
        except KilledError:
            return shot.pts
    raise AssertionError("streams have no end")


@pytest.mark.needs("ffmpeg")
@pytest.mark.parametrize("octets", [1, 9, 300, 2000])
@pytest.mark.parametrize("container", list(Container))
def test_partly_written_piece_is_hidden_from_readers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, container: Container, octets: int
) -> None:
    path = tmp_path / f"a{container.suffix}"
    names = ["opus", *[name for name in VIDEO if passes(container, codec_named(name))][:1]]
    streams = [
        video(name, index) if name in VIDEO else audio(index) for index, name in enumerate(names)
    ]
    muxer = Muxer(path, container, [spec_of(name) for name in names])
    # Each piece is a large write between two small ones.
    stop_at(monkeypatch, 3 if octets > 100 else 10, octets)
    last = until_stopped(muxer, streams)
    left = {file: file.read_bytes() for file in tmp_path.iterdir()}
    monkeypatch.undo()
    muxer.close()
    for file, data in left.items():
        file.write_bytes(data)
    assert complaints(path) == ""
    assert all(found[-1] >= last - 1 for found in times(path).values())


@pytest.mark.parametrize("container", list(Container))
def test_piece_too_small_for_a_placeholder_has_none(container: Container) -> None:
    assert placeholder(container, 8) == b""
    assert 4 <= len(placeholder(container, 9)) <= 9
