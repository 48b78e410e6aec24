"""Recorder of one participant's sound into a WAV, FLAC or Ogg file for speech engines."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from media import (
    Progress,
    RecorderState,
    RecorderStats,
    RecordingError,
    RecordingFailure,
    Segment,
    SegmentEnd,
    SoundFormat,
    Transcoding,
    TranscodingReason,
    save_sound,
)
from peer import RtpReceiver
from peer.rtp_parameters import MediaKind
from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from peer import MediaStreamTrack

#: Seconds between two events about the progress, as of `Recorder`.
_LOOK = 1.0


class SoundRecorder:
    """Saves the sound of one track as mono at a chosen rate; a `FileRecorder`.

    Args:
        path: The file; where it is there already, the next free name, `out-2.wav`.
        rate: Sample rate in Hz.
        form: Name of the format, where the suffix does not tell.
        on_progress: Called about each second.
        on_segment: Called once the file is complete.
        on_failure: Called where it cannot be written.

    Attributes:
        stats: Counters as of `Recorder`; frames are those of the file's half seconds.
        state: Whether it saves.
    """

    def __init__(
        self,
        path: Path,
        *,
        rate: int,
        form: str | None = None,
        on_progress: Callable[[Progress], None],
        on_segment: Callable[[Segment], None],
        on_failure: Callable[[RecordingFailure], None],
    ) -> None:
        self.stats = RecorderStats()
        self.state = RecorderState.INACTIVE
        self._wanted = path
        self._rate = rate
        self._format = form
        self._on_progress = on_progress
        self._on_segment = on_segment
        self._on_failure = on_failure
        self._track: MediaStreamTrack | None = None
        self._saving: asyncio.Task[None] | None = None
        self._told = 0.0

    def addTrack(self, track: MediaStreamTrack, *, name: str = "") -> None:
        """Save the sound of a track, the only one of the file.

        Raises:
            ValueError: It is a picture, or a second sound.
        """
        if track.kind != "audio":
            raise ValueError("a file of sound holds no picture")
        if self._track is track:
            # As `track` events tell of it again after hold.
            return
        if self._track is not None:
            raise ValueError("a file of sound holds one track")
        self._track = track
        if self.state is RecorderState.RECORDING:
            self._begin(track)

    async def start(self) -> None:
        """Save from now on, or from when a track is added."""
        self.state = RecorderState.RECORDING
        if self._track is not None:
            self._begin(self._track)

    async def stop(self) -> None:
        """Complete the file, and end the recording."""
        self.state = RecorderState.INACTIVE
        if self._saving is not None:
            self._saving.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.shield(self._saving)

    @property
    def _source(self) -> str:
        """Name of the codec in which the peer sends the track; `raw` where none does."""
        receiver = getattr(self._track, "receiver", None)
        if not isinstance(receiver, RtpReceiver):
            return "raw"
        codecs = receiver.getParameters().codecs
        return next((each.name for each in codecs if not each.is_auxiliary), "raw")

    def _begin(self, track: MediaStreamTrack) -> None:
        self._saving = asyncio.create_task(self._save(track))

    async def _save(self, track: MediaStreamTrack) -> None:
        path, number = self._wanted, 1
        while await asyncio.to_thread(path.exists):
            number += 1
            path = self._wanted.with_stem(f"{self._wanted.stem}-{number}")
        try:
            await save_sound(
                track,
                path,
                rate=self._rate,
                format=self._format,
                on_saved=lambda saved: self._saved(path, saved),
            )
        except RecordingError as error:
            self.state = RecorderState.INACTIVE
            self._on_failure(RecordingFailure(error, path, ended=True))
        finally:
            self._complete(path, number)

    def _saved(self, path: Path, duration: float) -> None:
        if not self.stats.frames:
            target = SoundFormat.of(path, self._format).value.upper()
            source = self._source
            asked = Transcoding(MediaKind.AUDIO, source, target, TranscodingReason.ASKED)
            self.stats = RecorderStats(transcoding=(asked,))
        size, frames = path.stat().st_size, self.stats.frames + 1
        self.stats = replace(self.stats, duration=duration, size=size, frames=frames)
        if time.monotonic() - self._told >= _LOOK:
            self._told = time.monotonic()
            stats = self.stats
            self._on_progress(Progress(path, duration, stats.size, stats.frames, dropped=0))

    def _complete(self, path: Path, number: int) -> None:
        stats = self.stats
        if not stats.frames:
            return
        size = path.stat().st_size
        segment = Segment(path, number, stats.duration, size, SegmentEnd.STOPPED)
        self.stats = replace(stats, size=size, files=(segment,))
        self._on_segment(segment)
