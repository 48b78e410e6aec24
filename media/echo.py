"""Track that relays another track unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from peer.rtp.tracks import MediaTrack

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.frame import Frame
    from av.packet import Packet
    from av.stream import Stream


class EchoTrack(MediaTrack):
    """Relays a track, and shows each frame to an observer.

    Args:
        source: An audio or video track; it is read, and never stopped.
        observe: Called with each frame before it is relayed; must not change the frame.
    """

    def __init__(
        self,
        source: MediaStreamTrack,
        *,
        observe: Callable[[Frame | Packet[Stream]], None] | None = None,
    ) -> None:
        super().__init__()
        self.kind = source.kind
        self._source = source
        self._observe = observe

    async def recv(self) -> Frame | Packet[Stream]:
        """Return the next frame of the source.

        Raises:
            MediaStreamError: This track or its source has ended.
        """
        if self.readyState != "live":
            raise MediaStreamError
        try:
            frame = await self._source.recv()
        except MediaStreamError:
            self.stop()
            raise
        if self._observe is not None:
            self._observe(frame)
        return frame
