"""Recorder of tracks with the interface of aiortc's `MediaRecorder`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from aiortc.contrib.media import MediaRecorder as EncodingRecorder

from media.recording.containers import Container
from media.recording.errors import RecordingError
from media.recording.recorder import Recorder
from peer.compat.contrib.relay import RelayStreamTrack
from peer.rtp.inbound.received_track import ReceivedTrack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from media.recording.events import RecordingFailure
    from peer.rtp.tracks import MediaStreamTrack

logger = logging.getLogger(__name__)


class MediaRecorder:
    """Writes tracks into a file.

    Where a track of a peer is recorded into MP4, WebM, Matroska or Ogg, and no options are given,
    `media.Recorder` writes the file: what the container takes is not encoded again, the tracks are
    in sync, and a track that is lost ends no recording. Anything else is encoded and written as
    aiortc does.

    Args:
        file: Path, or a file-like object.
        format: libav's name of the format; None to take it from the path.
        options: libav's options for the format.

    Raises:
        ValueError: The format is not known.
    """

    def __init__(
        self,
        file: Any,
        format: str | None = None,  # noqa: A002 - as in aiortc
        options: Mapping[str, str] | None = None,
    ) -> None:
        self._file = file
        self._format = format
        self._tracks: list[MediaStreamTrack] = []
        self._added = 0
        self._recorder: Recorder | None = None
        self._failure: Exception | None = None
        self._encoding: EncodingRecorder | None = None
        if options or not _is_written_here(file, format):
            self._encoding = EncodingRecorder(file, format, dict(options or {}))

    def addTrack(self, track: MediaStreamTrack) -> None:
        """Add a track, which is recorded from the next `start` on."""
        if track not in self._tracks:
            self._tracks.append(track)

    async def start(self) -> None:
        """Begin to record the tracks that are not recorded yet.

        Raises:
            InvalidStateError: The recording has ended.
            ValueError: The container has no place for a track.
        """
        added, self._added = self._tracks[self._added :], len(self._tracks)
        if self._recorder is None and self._encoding is None:
            if any(_is_of_peer(track) for track in self._tracks):
                self._recorder = Recorder(self._file, format=self._format)
                self._recorder.on("error", self._note_failure)
            else:
                self._encoding = EncodingRecorder(self._file, self._format)
        if self._recorder is not None:
            begins = len(added) == len(self._tracks)
            for track in added:
                self._recorder.addTrack(_source(track))
            if begins:
                await self._recorder.start()
        elif self._encoding is not None:
            for track in added:
                self._encoding.addTrack(track)
            await self._encoding.start()

    async def stop(self) -> None:
        """End the recording and complete the file; the tracks go on.

        Raises:
            RecordingError: Nothing could be written.
            OSError: The same, of a file that is encoded as aiortc does.
        """
        if self._recorder is not None:
            await self._recorder.stop()
            failure, self._failure = self._failure, None
            if failure is not None and not self._recorder.stats.frames:
                raise failure
        elif self._encoding is not None:
            await self._encoding.stop()

    def _note_failure(self, failure: RecordingFailure) -> None:
        logger.warning("a recording failed: %s", failure.error)
        if isinstance(failure.error, RecordingError):
            self._failure = failure.error


def _source(track: MediaStreamTrack) -> MediaStreamTrack:
    """Return the track of a peer that a relay gives, which can be recorded as it comes."""
    if isinstance(track, RelayStreamTrack) and isinstance(track.source, ReceivedTrack):
        return track.source
    return track


def _is_of_peer(track: MediaStreamTrack) -> bool:
    source = _source(track)
    return isinstance(source, ReceivedTrack) and source.receiver is not None


def _is_written_here(file: Any, format: str | None) -> bool:  # noqa: A002 - as in aiortc
    """Tell if `media.Recorder` can write a file to that destination."""
    name = str(getattr(file, "name", "" if hasattr(file, "write") else file))
    if "://" in name or "{" in name:
        return False
    try:
        Container.of(name, format)
    except ValueError:
        return False
    return True
