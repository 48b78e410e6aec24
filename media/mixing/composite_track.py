"""Owns the track of a composite's picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiortc.mediastreams import MediaStreamError

from peer.rtp.tracks import MediaTrack

if TYPE_CHECKING:
    from av import VideoFrame

    from media.mixing.pump import Pump


class CompositeTrack(MediaTrack):
    """`yuv420p` of a fixed size and rate. For one reader; a composite makes any number of tracks.

    The frames are the same for all tracks and must not be changed.

    Args:
        pump: Of the composite.
    """

    kind = "video"

    def __init__(self, pump: Pump[VideoFrame]) -> None:
        super().__init__()
        self._pump = pump
        self._shelf = pump.shelf()

    async def recv(self) -> VideoFrame:
        """The next frame, when its time has come.

        Raises:
            MediaStreamError: This track was stopped, or the composite was closed.
        """
        if self.readyState != "live":
            raise MediaStreamError
        try:
            return await self._shelf.get()
        except MediaStreamError:
            self.stop()
            raise

    def stop(self) -> None:
        """End this track; the composite and its other tracks go on."""
        self._pump.remove(self._shelf)
        super().stop()
