from __future__ import annotations

import asyncio
import io
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import av
import pytest

from media import SyntheticAudioTrack, SyntheticVideoTrack
from media.recording.errors import RecordingError
from peer import MediaStreamTrack, PeerConnection, TrackEvent
from peer.compat.contrib.media import MediaBlackhole, MediaRecorder, MediaRelay
from signaling import Negotiator, channel_pair
from tests.support.clock.deadline import DEADLINE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@asynccontextmanager
async def call(*tracks: MediaStreamTrack) -> AsyncIterator[list[TrackEvent]]:
    """Tracks that a connection of ours receives, once they flow."""
    here, there = channel_pair()
    events: asyncio.Queue[TrackEvent] = asyncio.Queue()
    async with PeerConnection() as caller, PeerConnection() as callee, asyncio.TaskGroup() as tasks:
        callee.on("track", events.put_nowait)
        tasks.create_task(Negotiator(caller, here, polite=False).run())
        tasks.create_task(Negotiator(callee, there, polite=True).run())
        for track in tracks:
            caller.addTrack(track)
        async with asyncio.timeout(DEADLINE):
            found = [await events.get() for _ in tracks]
            for each in found:
                async for _ in each.receiver.encoded_frames():
                    break
        yield found
        await asyncio.gather(caller.close(), callee.close())


async def frames_of(found: list[TrackEvent], count: int) -> None:
    """Wait until each receiver has had so many frames more."""

    async def some(event: TrackEvent) -> None:
        got = 0
        async for _ in event.receiver.encoded_frames():
            got += 1
            if got == count:
                return

    async with asyncio.timeout(DEADLINE):
        await asyncio.gather(*map(some, found))


def streams_of(file: Any) -> list[str]:
    with av.open(file) as container:
        return sorted(stream.codec_context.codec.canonical_name for stream in container.streams)


def local() -> list[MediaStreamTrack]:
    return [SyntheticAudioTrack(), SyntheticVideoTrack(width=64, height=64)]


async def test_tracks_of_a_peer_are_recorded_as_they_come_also_through_a_relay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a track of a peer is encoded again")

    path = tmp_path / "a.webm"
    async with call(*local()) as found:
        monkeypatch.setattr("media.recording.transcode.FrameEncoder.__init__", refuse)
        relay, recorder = MediaRelay(), MediaRecorder(str(path))
        for event in found:
            video = event.track.kind == "video"
            recorder.addTrack(relay.subscribe(event.track) if video else event.track)
        await recorder.start()
        await frames_of(found, 40)
        await recorder.stop()
        # Neither was read, and so neither was decoded.
        assert [event.track.received for event in found] == [0, 0]
    assert streams_of(str(path)) == ["opus", "vp8"]


async def test_a_recording_goes_on_when_a_track_of_it_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "a.webm"
    async with call(*local()) as found:
        recorder = MediaRecorder(str(path))
        for event in found:
            recorder.addTrack(event.track)
        await recorder.start()
        await frames_of(found, 10)
        by_kind = {event.track.kind: event for event in found}
        ended = asyncio.Event()
        by_kind["video"].track.on("ended", ended.set)
        await by_kind["video"].transceiver.stop()
        async with asyncio.timeout(DEADLINE):
            await ended.wait()
        await frames_of([by_kind["audio"]], 60)
        await recorder.stop()
    with av.open(str(path)) as container:
        last = {"audio": 0.0, "video": 0.0}
        for packet in container.demux():
            if packet.pts is not None:
                last[packet.stream.type] = float(packet.pts * packet.time_base)
    assert last["audio"] > last["video"] + 0.1


async def test_local_tracks_are_recorded_with_the_codecs_of_aiortc(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    tracks = local()
    recorder = MediaRecorder(str(path))
    relay = MediaRelay()
    watched = [relay.subscribe(track) for track in tracks]
    for track in tracks:
        recorder.addTrack(relay.subscribe(track))
    await recorder.start()
    async with asyncio.timeout(DEADLINE):
        for _ in range(10):
            await asyncio.gather(*(track.recv() for track in watched))
    await recorder.stop()
    assert streams_of(str(path)) == ["aac", "h264"]
    for track in tracks:
        track.stop()


@pytest.mark.parametrize(
    ("name", "codec"), [("a.wav", "pcm_s16le"), ("a.mp3", "mp3"), ("a.ogg", "opus")]
)
async def test_sound_of_a_peer_is_recorded_in_each_format(
    tmp_path: Path, name: str, codec: str
) -> None:
    path = tmp_path / name
    async with call(SyntheticAudioTrack()) as found:
        recorder = MediaRecorder(str(path))
        recorder.addTrack(found[0].track)
        await recorder.start()
        await frames_of(found, 50)
        await recorder.stop()
    assert streams_of(str(path)) == [codec]


async def test_options_choose_what_aiortc_encodes(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    async with call(SyntheticAudioTrack()) as found:
        recorder = MediaRecorder(str(path), options={"movflags": "faststart"})
        recorder.addTrack(found[0].track)
        await recorder.start()
        await frames_of(found, 50)
        await recorder.stop()
    assert streams_of(str(path)) == ["aac"]


async def test_a_track_that_is_added_later_is_recorded_from_the_next_start_on() -> None:
    data = io.BytesIO()
    async with call(SyntheticAudioTrack(), SyntheticAudioTrack()) as found:
        recorder = MediaRecorder(data, format="matroska")
        recorder.addTrack(found[0].track)
        recorder.addTrack(found[0].track)
        await recorder.start()
        await frames_of(found, 5)
        recorder.addTrack(found[1].track)
        await recorder.start()
        await frames_of(found, 20)
        await recorder.stop()
        await recorder.stop()
    assert streams_of(io.BytesIO(data.getvalue())) == ["opus", "opus"]


async def test_a_recording_that_could_not_be_written_says_so_when_it_is_stopped(
    tmp_path: Path,
) -> None:
    async with call(SyntheticAudioTrack()) as found:
        recorder = MediaRecorder(str(tmp_path / "none" / "a.ogg"))
        recorder.addTrack(found[0].track)
        await recorder.start()
        await frames_of(found, 20)
        with pytest.raises(RecordingError, match=r"none/a\.ogg"):
            await recorder.stop()


def test_an_unknown_format_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="output format"):
        MediaRecorder(str(tmp_path / "a.unknown"))


async def test_a_blackhole_decodes_no_track_of_a_peer() -> None:
    async with call(*local()) as found:
        hole = MediaBlackhole()
        for event in found:
            hole.addTrack(event.track)
        await hole.start()
        await frames_of(found, 10)
        await hole.stop()
        assert [event.track.received for event in found] == [0, 0]
