"""Camera or microphone as a track, opened by libav."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from media.sources.errors import MissingError, SourceError
from media.sources.file_reader import FileReader
from media.sources.opening import Extent
from media.sources.prefetch import Prefetch
from media.sources.stream_decoder import AUDIO_RATE
from peer.rtp.tracks import MediaTrack
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Mapping

#: RTP clock rate of video, in Hz (RFC 3551 section 5).
_CLOCK = 90_000
#: Frames that wait at most, as a device does not wait either (ours).
_LIMIT = 2


class Device(MediaTrack):
    """Captures the first video or audio stream of a device by libav.

    Video frames are given upright and with square pixels, audio as `s16` at 48 kHz, 20 ms a frame.

    Args:
        name: The system's name of the device, for example `/dev/video0` or `default`.
        system: libav's input format, for example `v4l2`, `pulse`, `alsa`, `avfoundation`, `dshow`.
        kind: `audio` or `video`.
        options: Options of that format, as `{"video_size": "1280x720", "framerate": "30"}`.

    Raises:
        MissingError: The device does not exist or access is denied, or libav lacks the format.
        UnreadableError: The device gives nothing that libav understands; it may be in use.

    Attributes:
        error: The error that ended the track; None where there was none.
    """

    def __init__(
        self, name: str, *, system: str, kind: str, options: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        if system not in av.formats_available:
            raise MissingError(name, why=f"the libav of PyAV {av.__version__} knows no {system!r}")
        self.kind = kind
        self.error: SourceError | None = None
        reader = FileReader(
            name,
            MediaKind(kind),
            Extent(Fraction(0), Fraction(0)),
            decode=True,
            loop=False,
            container=system,
            options=options,
        )
        self._pieces = Prefetch(reader, _LIMIT)
        self._first: Fraction | None = None
        self._pts = -1

    @classmethod
    async def open(
        cls, name: str, *, system: str, kind: str, options: Mapping[str, str] | None = None
    ) -> Device:
        """Open a device as the constructor does, on a worker thread."""
        return await asyncio.to_thread(cls, name, system=system, kind=kind, options=options)

    async def recv(self) -> VideoFrame | AudioFrame:
        """Return the next frame; the timestamp of the first is 0.

        Raises:
            MediaStreamError: The track has ended: it was stopped, or the device gives nothing more.
        """
        if self.readyState != "live":
            raise MediaStreamError
        try:
            piece = await self._pieces.front()
        except SourceError as error:
            self.error = error
            self.stop()
            raise MediaStreamError from error
        if piece is None or not isinstance(piece.item, VideoFrame | AudioFrame):
            self.stop()
            raise MediaStreamError
        self._pieces.take()
        if self._first is None:
            self._first = piece.position
        rate = _CLOCK if isinstance(piece.item, VideoFrame) else AUDIO_RATE
        self._pts = max(self._pts + 1, round((piece.position - self._first) * rate))
        piece.item.pts, piece.item.time_base = self._pts, Fraction(1, rate)
        return piece.item

    def stop(self) -> None:
        """End the track and close the device."""
        if self.readyState == "live":
            super().stop()
            self._pieces.close()
