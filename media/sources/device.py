"""Owns `Device`: a camera or microphone as a track."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from media.sources.errors import MissingError, SourceError
from media.sources.file_reader import SOUND_RATE, FileReader
from media.sources.opening import Extent
from media.sources.prefetch import Prefetch
from peer.rtp.tracks import MediaTrack
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Mapping

_CLOCK = 90_000
_LIMIT = 2


class Device(MediaTrack):
    """The first picture, or sound, of what libav takes from a device, as it comes.

    Pictures are given as they are, sound as `s16` at 48 kHz, 20 ms each.

    Args:
        name: As the system calls it, for example `/dev/video0` or `default`.
        system: That libav knows, for example `v4l2`, `pulse`, `alsa`, `avfoundation` or `dshow`.
        kind: `audio` or `video`.
        options: Of libav for that, for example `{"video_size": "1280x720", "framerate": "30"}`.

    Raises:
        MissingError: There is no such device, it is not for us, or this libav does not know the
            system.
        UnreadableError: It gives nothing that libav understands; it may be in use.

    Attributes:
        error: Why it ended by itself; None where it did not.
    """

    def __init__(
        self, name: str, *, system: str, kind: str, options: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        if system not in av.formats_available:
            raise MissingError(name, f"the libav of PyAV {av.__version__} knows no {system!r}")
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
        """The same, with the device opened on a worker thread instead of the event loop."""
        return await asyncio.to_thread(cls, name, system=system, kind=kind, options=options)

    async def recv(self) -> VideoFrame | AudioFrame:
        """The next frame; its time is 0 at the first one.

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
        rate = _CLOCK if isinstance(piece.item, VideoFrame) else SOUND_RATE
        self._pts = max(self._pts + 1, round((piece.position - self._first) * rate))
        piece.item.pts, piece.item.time_base = self._pts, Fraction(1, rate)
        return piece.item

    def stop(self) -> None:
        """End the track, and let go of the device."""
        if self.readyState == "live":
            super().stop()
            self._pieces.close()
