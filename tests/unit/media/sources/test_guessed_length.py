from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from av import AudioFrame

from media.sources.file_reader import FileReader
from media.sources.file_source import FileSource
from media.sources.opening import extent_of
from peer.rtp_parameters import MediaKind
from tests.support.media.live_servers import http
from tests.support.negotiation.connections import within

if TYPE_CHECKING:
    from pathlib import Path

    from media.sources.stream_decoder import Piece

RATE = 48_000
LOUD, QUIET = 1, 5  # Seconds. What begins unlike it goes on misleads a guess by the bit rate.
SECONDS = LOUD + QUIET


def make_song(path: Path, *, codec: str, options: dict[str, str] | None = None) -> Path:
    """Noise and then silence."""
    noise = np.random.default_rng(7).integers(-9000, 9000, (LOUD * RATE, 2), np.int16)
    samples = np.concatenate([noise, np.zeros((QUIET * RATE, 2), np.int16)])
    with av.open(str(path), "w", options=options or {}) as container:
        stream: Any = container.add_stream(codec, rate=RATE)
        stream.codec_context.options = {"q": "4"}
        stream.codec_context.layout = "stereo"
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return path


def aac(folder: Path) -> Path:
    return make_song(folder / "a.aac", codec="aac")


def mp3_without_xing(folder: Path) -> Path:
    return make_song(folder / "a.mp3", codec="libmp3lame", options={"write_xing": "0"})


def mp3_with_xing(folder: Path) -> Path:
    return make_song(folder / "a.mp3", codec="libmp3lame")


def mp3_whose_xing_tells_of_the_first_half_only(folder: Path) -> Path:
    path = mp3_with_xing(folder)
    path.write_bytes(path.read_bytes() * 2)
    return path


def mp3_cut_off(folder: Path) -> Path:
    path = mp3_with_xing(folder)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    return path


def ac3(folder: Path) -> Path:
    return make_song(folder / "a.ac3", codec="ac3")


SONGS = [
    aac,
    mp3_without_xing,
    mp3_with_xing,
    mp3_whose_xing_tells_of_the_first_half_only,
    mp3_cut_off,
    ac3,
]


def lap(reader: FileReader, start: Fraction) -> list[Piece]:
    """The pieces of the six seconds and more from a position on, at most a thousand."""
    pieces: list[Piece] = []
    while len(pieces) < 1000 and not (pieces and pieces[-1].position > start + SECONDS + 1):
        pieces += reader.read()
    return pieces


def loudness(piece: Piece) -> float:
    assert isinstance(piece.item, AudioFrame)
    return float(np.abs(piece.item.to_ndarray().astype(np.int32)).mean())


@pytest.mark.parametrize("song", SONGS, ids=lambda song: song.__name__)
def test_the_length_of_a_file_that_does_not_say_it_is_measured(tmp_path: Path, song: Any) -> None:
    path = str(song(tmp_path))
    alone = FileReader(path, MediaKind.AUDIO, extent_of(path), decode=True, loop=False, alone=True)
    played = Fraction(0)
    while pieces := alone.read():
        played = pieces[-1].position + pieces[-1].duration
    measured = extent_of(path).length
    assert measured is not None
    # All but the padding of an encoder at the end.
    assert float(measured) == pytest.approx(float(played), abs=0.06)
    assert alone.length == played


@pytest.mark.parametrize("song", SONGS, ids=lambda song: song.__name__)
def test_a_song_begins_again_where_its_sound_ended(tmp_path: Path, song: Any) -> None:
    path = str(song(tmp_path))
    reader = FileReader(path, MediaKind.AUDIO, extent_of(path), decode=True, loop=True, alone=True)
    first = lap(reader, Fraction(0))
    for _ in range(3):
        first += lap(reader, first[-1].position)
    steps = [b.position - (a.position + a.duration) for a, b in pairwise(first)]
    # Where two were joined, a frame or two do not decode.
    joined = song is mp3_whose_xing_tells_of_the_first_half_only
    assert min(steps) >= -Fraction(1, RATE)
    assert max(steps) <= (Fraction(6, 100) if joined else Fraction(1, RATE))
    length = reader.length
    assert length is not None
    second = [p for p in first if length + Fraction(1, 5) <= p.position < length + Fraction(4, 5)]
    assert len(second) > 25
    assert all(loudness(piece) > 1000 for piece in second)


async def test_a_guess_over_the_network_is_none_and_no_measure_loads_it(tmp_path: Path) -> None:
    song = aac(tmp_path).read_bytes()
    async with http(lambda _: ("audio/aac", song)) as where:
        source = await within(FileSource.open(f"{where}/a.aac", loop=True))
        assert source.duration is None
        assert source.position == 0.0
        assert source.audio is not None
        assert isinstance(await within(source.audio.recv()), AudioFrame)
        source.stop()


async def test_the_duration_of_a_song_is_what_was_measured(tmp_path: Path) -> None:
    source = FileSource(aac(tmp_path))
    assert source.duration == pytest.approx(SECONDS, abs=0.06)
    with pytest.raises(ValueError, match="not within a file of 6"):
        await source.seek(SECONDS + 1)
    source.stop()
