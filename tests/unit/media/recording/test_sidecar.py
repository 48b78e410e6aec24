from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from media import DestinationError, Recorder, SyntheticAudioTrack
from media.recording.containers import Container
from media.recording.errors import UnwritableError
from media.recording.segments import FileNames, SegmentRule
from media.recording.series import FileSeries
from media.recording.sidecar import MOST, Sidecar, sidecar_of
from peer.trust.level import UNKNOWN_PEER, PeerTrust, TrustLevel
from tests.support.clock.deadline import DEADLINE
from tests.support.media.recorded import pictures, sounds
from tests.support.media.series_told import Told

if TYPE_CHECKING:
    from media.recording.timeline import PlacedFrame


class Bench:
    """A series with a sidecar; its timeline began now."""

    def __init__(self, path: Path, rule: SegmentRule | None = None) -> None:
        self.told = Told()
        self.origin = time.monotonic()
        self.unix = time.time()
        self.sidecar = Sidecar(Container.WEBM)
        self.sidecar.began(Fraction(self.origin))
        self.series = FileSeries(
            FileNames(path), Container.WEBM, rule or SegmentRule(), self.told, self.sidecar
        )

    def write(self, *tracks: Iterable[PlacedFrame]) -> None:
        """All frames by their time, as the writer does."""
        for each in sorted((e for track in tracks for e in track), key=lambda e: e.time):
            self.sidecar.received(each)
            self.series.push(each)
            self.series.advance()


def read(path: Path) -> dict[str, Any]:
    found = json.loads(sidecar_of(path).read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def after_gap(frames: list[PlacedFrame], at: int) -> list[PlacedFrame]:
    """The frames without those of a tenth of a second, whose loss the next one tells."""
    step = round(Fraction(1, 10) / frames[0].duration)
    next_one = frames[at + step]
    told = replace(next_one, frame=replace(next_one.frame, gap=True))
    return [*frames[:at], told, *frames[at + step + 1 :]]


def test_sidecar_says_when_the_file_began_who_is_on_it_and_how_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "out.webm"
    bench = Bench(path)
    bench.sidecar.joined(1, name="Zoë", track="t-1")
    bench.write(sounds(1, 100), pictures("VP8", 1, 30))
    bench.series.finish()
    found = read(path)
    start = found.pop("start")
    assert start["unix"] == pytest.approx(bench.unix + 1, abs=5)
    assert start["iso"].endswith("Z")
    sound, picture = sorted(found.pop("tracks"), key=lambda track: str(track["kind"]))
    (person,) = sound.pop("people")
    assert (person["name"], person["track"]) == ("Zoë", "t-1")
    assert sound == {
        "kind": "audio",
        "codec": "opus",
        "start": 0,
        "end": 2,
        "frames": 100,
        "gaps": [],
        "lost": 0,
    }
    assert (picture["kind"], picture["start"], picture["frames"]) == ("video", 0, 30)
    assert found == {
        "version": 1,
        "file": "out.webm",
        "number": 1,
        "container": "webm",
        "duration": 2,
        "size": path.stat().st_size,
        "end": "stopped",
        "pauses": [],
    }


def test_gap_is_in_the_sidecar_of_the_file_that_it_is_in(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "{n}.webm", SegmentRule(duration=2))
    bench.write(after_gap(after_gap(sounds(0, 200), 50), 130))
    bench.series.finish()
    first, second = read(tmp_path / "1.webm"), read(tmp_path / "2.webm")
    assert first["tracks"][0]["gaps"] == [{"at": 1.0, "seconds": 0.1}]
    (gap,) = second["tracks"][0]["gaps"]
    assert gap["seconds"] == second["tracks"][0]["lost"] == 0.1
    # Of 130 frames and the gap before.
    begin = second["start"]["unix"] - first["start"]["unix"]
    assert begin + gap["at"] == pytest.approx(2.7, abs=0.002)
    assert [first["end"], second["end"]] == ["duration", "stopped"]


def test_pause_is_told_at_its_place_and_moves_the_begin_of_the_next_file(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "{n}.webm", SegmentRule(duration=2))
    bench.sidecar.paused(since=bench.origin + 1, seconds=60)
    bench.sidecar.paused(since=bench.origin + 61.5, seconds=30)
    bench.write(sounds(0, 200))
    bench.series.finish()
    first, second = read(tmp_path / "1.webm"), read(tmp_path / "2.webm")
    assert first["pauses"] == [{"at": 1, "seconds": 60}, {"at": 1.5, "seconds": 30}]
    assert second["pauses"] == []
    assert second["start"]["unix"] - first["start"]["unix"] == pytest.approx(92, abs=0.002)


def test_program_that_is_killed_leaves_a_sidecar_without_an_end(tmp_path: Path) -> None:
    path = tmp_path / "out.webm"
    bench = Bench(path)
    bench.write(sounds(0, 25))
    assert (read(path)["end"], read(path)["size"]) == (None, None)
    bench.write(sounds(0.5, 600))
    found = read(path)
    assert found["end"] is None
    assert found["duration"] > 9
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out.webm", "out.webm.json"]
    bench.series.finish()


def test_sidecar_that_cannot_be_written_is_told_and_costs_nothing_of_the_recording(
    tmp_path: Path,
) -> None:
    path = tmp_path / "out.webm"
    sidecar_of(path).mkdir()
    bench = Bench(path)
    bench.write(sounds(0, 50))
    bench.series.finish()
    assert {type(each.error) for each in bench.told.failures} == {UnwritableError}
    assert "out.webm.json" in str(bench.told.failures[0].error)
    assert not any(each.ended for each in bench.told.failures)
    assert [each.duration for each in bench.told.segments] == [1.0]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out.webm", "out.webm.json"]


def test_sidecar_has_the_last_thousand_gaps_only(tmp_path: Path) -> None:
    path = tmp_path / "out.webm"
    bench = Bench(path)
    frames = [replace(e, frame=replace(e.frame, gap=True)) for e in sounds(0, MOST + 200)]
    bench.write(frames)
    bench.series.finish()
    assert len(read(path)["tracks"][0]["gaps"]) == MOST


async def test_recorder_tells_its_tracks_and_pauses_in_the_sidecar(tmp_path: Path) -> None:
    path = tmp_path / "out.webm"
    track = SyntheticAudioTrack()
    recorder = Recorder(path, sidecar=True)
    progress: asyncio.Queue[object] = asyncio.Queue()
    recorder.on("progress", progress.put_nowait)
    recorder.addTrack(track, name="alice")
    before = time.time()
    await recorder.start()
    async with asyncio.timeout(DEADLINE):
        await progress.get()
        recorder.pause()
        await asyncio.sleep(0.2)
        recorder.resume()
        await progress.get()
        await recorder.stop()
    found = await asyncio.to_thread(read, path)
    assert before - 5 <= found["start"]["unix"] <= time.time()
    (told,) = found["tracks"]
    assert [(each["name"], each["track"]) for each in told["people"]] == [("alice", track.id)]
    assert told["frames"] == recorder.stats.frames
    (pause,) = found["pauses"]
    assert pause["seconds"] >= 0.19
    assert 0 < pause["at"] < found["duration"]


def test_sidecar_wants_a_path() -> None:
    with pytest.raises(DestinationError, match="a sidecar lies beside a file"):
        Recorder(io.BytesIO(), format="webm", sidecar=True)


def _itself(trust: PeerTrust) -> PeerTrust:
    return trust


def test_sidecar_says_who_the_peer_is_and_by_what_where_anything_does(tmp_path: Path) -> None:
    path = tmp_path / "out.webm"
    bench = Bench(path)
    known = PeerTrust(name="bob", level=TrustLevel.KNOWN)
    for trust in (known, UNKNOWN_PEER):
        bench.sidecar.joined(
            1, name="", track="t", is_verified=lambda: True, peer=partial(_itself, trust)
        )
    bench.write(sounds(1, 100))
    bench.series.finish()
    (track,) = read(path)["tracks"]
    assert [person.get("peer") for person in track["people"]] == [
        {"name": "bob", "level": "known", "firstContact": False},
        None,
    ]


def test_sidecar_says_for_good_that_media_of_a_peer_was_not_verified(tmp_path: Path) -> None:
    path = tmp_path / "out.webm"
    bench = Bench(path)
    for answers in ([True] * 9, [False, *[True] * 9]):
        bench.sidecar.joined(1, name="", track="t", is_verified=partial(answers.pop, 0))
    bench.sidecar.joined(1, name="", track="t")
    bench.write(sounds(1, 100))
    bench.series.finish()
    (track,) = read(path)["tracks"]
    assert [person.get("verified") for person in track["people"]] == [True, False, None]
