from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import av
import pytest

from media import Recorder, SyntheticAudioTrack
from media.recording.containers import Container
from media.recording.errors import DestinationError, UploadError
from media.recording.events import RecordingFailure
from media.recording.segments import FileNames, SegmentRule
from media.recording.series import FileSeries
from media.recording.sinks.delivery import Delivery, Part, Upload, UploadUnit
from media.recording.sinks.upload import UploadDestination
from tests.support.clock.deadline import DEADLINE
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.media.recorded import pictures, sounds
from tests.support.media.series_told import Told

if TYPE_CHECKING:
    from media.recording.timeline import PlacedFrame


class Store:
    """Stores parts in a folder, as a server does that is told where they belong."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts: list[Part] = []

    async def send(self, part: Part) -> None:
        await asyncio.sleep(0)
        path = self.folder / part.name
        if part.replaces:
            path.write_bytes(part.data)
        else:
            assert part.offset == (path.stat().st_size if path.exists() else 0)
            with path.open("ab") as file:
                file.write(part.data)
        self.parts.append(part)

    @property
    def complete(self) -> list[str]:
        return [each.name for each in self.parts if each.last]


def write(series: FileSeries, tracks: Iterable[Iterable[PlacedFrame]]) -> None:
    """All frames by their time, and the end of the last file."""
    for each in sorted((e for track in tracks for e in track), key=lambda e: e.time):
        series.push(each)
        series.advance()
    series.finish()


def samples(path: Path) -> list[tuple[int, int | None, bytes]]:
    """Stream, time and bytes of each packet of a file."""
    with av.open(str(path)) as file:
        return [(p.stream_index, p.pts, bytes(p)) for p in file.demux() if p.size]


async def record(
    upload: Upload, *tracks: Iterable[PlacedFrame], rule: SegmentRule | None = None
) -> tuple[Told, list[RecordingFailure]]:
    """A recording on a thread of its own, as a recorder has it."""
    told, failures = Told(), list[RecordingFailure]()
    destination = UploadDestination(upload)
    destination.delivery.start(failures.append)
    container = Container.of(destination.name(1))
    series = FileSeries(destination, container, rule or SegmentRule(), told)
    async with asyncio.timeout(DEADLINE):
        await asyncio.to_thread(write, series, tracks)
        await destination.delivery.finish()
        # What the thread told last.
        await asyncio.sleep(0)
    return told, failures


def packets(path: Path) -> int:
    with av.open(str(path)) as file:
        return sum(1 for packet in file.demux() if packet.size)


@pytest.mark.parametrize("suffix", ["webm", "mkv", "mp4", "ogg"])
async def test_callback_gets_each_fragment_while_the_file_is_made(
    tmp_path: Path, suffix: str
) -> None:
    store = Store(tmp_path)
    told, failures = await record(Upload(send=store.send, name=f"call.{suffix}"), sounds(0, 100))
    assert packets(tmp_path / f"call.{suffix}") == 100
    assert len(store.parts) > 4
    assert store.complete == [f"call.{suffix}"]
    assert told.segments[0].size == (tmp_path / f"call.{suffix}").stat().st_size
    assert not failures


@pytest.mark.parametrize("suffix", ["webm", "mp4"])
async def test_callback_gets_each_file_of_a_series_as_a_folder_would_have_it(
    tmp_path: Path, suffix: str
) -> None:
    store = Store(tmp_path / "store")
    store.folder.mkdir()
    tracks = [sounds(0, 300), pictures("H264" if suffix == "mp4" else "VP8", 0, 180)]
    rule = SegmentRule(duration=2)
    upload = Upload(send=store.send, name=f"call-{{n}}.{suffix}", each=UploadUnit.FILE)
    await record(upload, *tracks, rule=rule)
    names = [f"call-{number}.{suffix}" for number in (1, 2, 3)]
    assert [each.name for each in store.parts] == store.complete == names
    local = FileNames(tmp_path / f"call-{{n}}.{suffix}")
    write(FileSeries(local, Container.of(names[0]), rule, Told()), tracks)
    for name in names:
        assert (store.folder / name).read_bytes() == (tmp_path / name).read_bytes()


async def test_hls_by_callback_is_the_playlist_and_media_that_a_folder_would_have(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path / "store")
    store.folder.mkdir()
    tracks = [sounds(0, 200), pictures("H264", 0, 120)]
    await record(Upload(send=store.send, name="call.m3u8"), *tracks)
    write(
        FileSeries(FileNames(tmp_path / "call.m3u8"), Container.HLS, SegmentRule(), Told()), tracks
    )
    assert (store.folder / "call.m3u8").read_bytes() == (tmp_path / "call.m3u8").read_bytes()
    # But for how long the last picture of a piece lasts: in a folder that is corrected later.
    assert samples(store.folder / "call.m4s") == samples(tmp_path / "call.m4s")
    assert sorted(store.complete) == ["call.m3u8", "call.m4s"]
    # A player that reads a playlist finds all the media that it names.
    media = 0
    for part in store.parts:
        if part.name == "call.m4s":
            media += len(part.data)
        else:
            ranges = [
                line.removeprefix(b"#EXT-X-BYTERANGE:").split(b"@")
                for line in part.data.splitlines()
                if line.startswith(b"#EXT-X-BYTERANGE:")
            ]
            assert all(int(size) + int(start) <= media for size, start in ranges)


async def test_part_that_cannot_be_sent_is_kept_in_a_folder_and_told_by_name(
    tmp_path: Path,
) -> None:
    keep = tmp_path / "keep"
    keep.mkdir()
    store = Store(tmp_path)

    async def send(part: Part) -> None:
        store.parts.append(part)
        if 2 <= len(store.parts) <= 3:
            raise ConnectionError("503")
        path = tmp_path / part.name
        with path.open("r+b" if path.exists() else "wb") as file:
            file.seek(part.offset)
            file.write(part.data)

    upload = Upload(send=send, name="call.webm", keep=keep, attempts=1)
    _, failures = await record(upload, sounds(0, 200))
    errors = [each.error for each in failures]
    kept = sorted(keep.iterdir())
    assert [each.kept for each in errors if isinstance(each, UploadError)] == kept
    assert len(kept) == 2
    first = store.parts[1]
    assert str(errors[0]) == (
        f"cannot upload from byte {first.offset} call.webm: 503; it is kept in {kept[0]}"
    )
    # With them the recording is whole.
    with (tmp_path / "call.webm").open("r+b") as file:
        for each in kept:
            file.seek(int(each.suffix[1:]))
            file.write(each.read_bytes())
    assert packets(tmp_path / "call.webm") == 200


async def test_part_that_cannot_be_sent_is_lost_by_name_and_the_recording_goes_on(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    calls = 0

    async def send(part: Part) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RuntimeError
        store.parts.append(part)

    told, failures = await record(Upload(send=send, name="call.mp4", attempts=1), sounds(0, 200))
    assert [str(each.error).split(": ", 1)[1] for each in failures] == ["RuntimeError; it is lost"]
    assert not any(each.ended for each in failures)
    (tmp_path / "call.mp4").write_bytes(b"".join(each.data for each in store.parts))
    assert 150 < packets(tmp_path / "call.mp4") < 200
    assert not told.failures


async def test_slow_callback_holds_the_writer_up_within_the_bytes_that_may_wait() -> None:
    go = asyncio.Event()
    begun = asyncio.Event()
    waiting: list[int] = []

    async def send(part: Part) -> None:
        begun.set()
        waiting.append(len(part.data))
        await go.wait()

    failures: list[RecordingFailure] = []
    delivery = Delivery(Upload(send=send, name="call.webm", waiting=250))
    delivery.start(failures.append)
    put = threading.Semaphore(0)

    def writer() -> None:
        for number in range(5):
            delivery.put(Part(name="call.webm", offset=100 * number, data=bytes(100)))
            put.release()

    async with asyncio.timeout(DEADLINE):
        thread = asyncio.create_task(asyncio.to_thread(writer))
        for _ in range(2):
            await asyncio.to_thread(put.acquire)
        await begun.wait()
        # The third has no room while the first is on its way.
        assert not await asyncio.to_thread(put.acquire, timeout=0.05)
        go.set()
        await thread
        await delivery.finish()
    assert waiting == [100] * 5
    assert not failures


async def test_end_of_a_recording_waits_for_a_callback_that_hangs_only_with_patience(
    tmp_path: Path,
) -> None:
    keep = tmp_path / "keep"
    keep.mkdir()

    async def hang(part: Part) -> None:
        await asyncio.Event().wait()

    # Less room than the recording, without end: the writer would wait for ever.
    for folder in (keep, None):
        upload = Upload(send=hang, name="call.webm", keep=folder, waiting=3000, patience=0)
        delivery = UploadDestination(upload).delivery
        failures: list[RecordingFailure] = []
        delivery.start(failures.append)
        async with asyncio.timeout(DEADLINE):
            parts = [Part(name="call.webm", offset=n, data=b"x") for n in range(3)]
            for part in parts:
                delivery.put(part)
            await delivery.finish()
        assert len(failures) == 3
        assert all("the recording has ended" in str(each.error) for each in failures)
    assert len(list(keep.iterdir())) == 3


@in_virtual_time
async def test_part_is_sent_again_after_one_second_and_after_two() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    calls: list[float] = []

    async def send(part: Part) -> None:
        calls.append(round(loop.time() - began, 3))
        if len(calls) == 1:
            raise ConnectionError
        if len(calls) == 2:
            await asyncio.sleep(1000)

    failures: list[RecordingFailure] = []
    delivery = Delivery(Upload(send=send, name="call.webm", timeout=5))
    delivery.start(failures.append)
    delivery.put(Part(name="call.webm", offset=0, data=b"x"))
    await delivery.finish()
    # The second attempt is given five seconds.
    assert calls == [0, 1, 8]
    assert not failures


@in_virtual_time
async def test_only_the_latest_of_the_playlists_that_wait_is_sent() -> None:
    sent: list[bytes] = []
    begun, go = asyncio.Event(), asyncio.Event()

    async def send(part: Part) -> None:
        sent.append(part.data)
        begun.set()
        await go.wait()

    delivery = Delivery(Upload(send=send, name="call.m3u8"))
    delivery.start(lambda failure: None)
    delivery.put(Part(name="call.m3u8", offset=0, data=b"0", replaces=True))
    await begun.wait()
    for data in (b"1", b"2", b"3"):
        delivery.put(Part(name="call.m3u8", offset=0, data=data, replaces=True))
    go.set()
    await delivery.finish()
    assert sent == [b"0", b"3"]


async def test_recorder_hands_its_fragments_to_a_callback(tmp_path: Path) -> None:
    store = Store(tmp_path)
    some = asyncio.Event()

    async def send(part: Part) -> None:
        await store.send(part)
        if len(store.parts) > 2:
            some.set()

    recorder = Recorder(Upload(send=send, name="call.webm"))
    recorder.addTrack(SyntheticAudioTrack())
    await recorder.start()
    async with asyncio.timeout(DEADLINE):
        await some.wait()
        assert not store.complete
        await recorder.stop()
    assert store.complete == ["call.webm"]
    assert packets(tmp_path / "call.webm") == recorder.stats.frames


def test_upload_without_a_bound_is_refused_before_the_recording_begins(tmp_path: Path) -> None:
    async def send(part: Part) -> None:
        """Store nothing."""

    with pytest.raises(DestinationError, match="segment_duration or segment_size"):
        Recorder(Upload(send=send, name="call.webm", each=UploadUnit.FILE))
    with pytest.raises(ValueError, match="no folder"):
        Upload(send=send, name="call.webm", keep=tmp_path / "none")
    with pytest.raises(ValueError, match="above 0"):
        Upload(send=send, name="call.webm", attempts=0)
    with pytest.raises(ValueError, match="no container is known"):
        Recorder(Upload(send=send, name="call"))
