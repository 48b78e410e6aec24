"""Output track of a composite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiortc.mediastreams import MediaStreamError

from peer.rtp.tracks import MediaTrack

if TYPE_CHECKING:
    from av import VideoFrame

    from media.mixing.paced_producer import PacedProducer


class CompositeTrack(MediaTrack):
    """Gives a composite's picture to one reader, as `yuv420p` of a fixed size and rate.

    All tracks of a composite share their frames, which must not be changed.

    Args:
        producer: The composite's producer of frames.
    """

    kind = "video"

    def __init__(self, producer: PacedProducer[VideoFrame]) -> None:
        super().__init__()
        self._producer = producer
        self._buffer = producer.buffer()

    async def recv(self) -> VideoFrame:
        """Return the next frame when it is due.

        Raises:
            MediaStreamError: This track was stopped, or the composite was closed.
        """
        if self.readyState != "live":
            raise MediaStreamError
        try:
            return await self._buffer.get()
        except MediaStreamError:
            self.stop()
            raise

    def stop(self) -> None:
        """End this track, while the composite and other tracks of it go on."""
        self._producer.remove(self._buffer)
        super().stop()
