"""Owns the queue of encoded frames in front of a decoder's thread."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc.rtcrtpparameters import RTCRtpCodecParameters

    from peer.transport.seam.rtp import EncodedFrame

LIMIT = 64


class DecoderQueue:
    """At most `limit` frames; what a slow decoder cannot take in time is dropped and counted.

    Audio loses its oldest frame. Video loses all that waits, as what follows a lost picture cannot
    be shown anyway, and `on_picture_loss` may ask the peer for a whole one.

    Args:
        kind: Audio or video.
        on_picture_loss: Called on the event loop.
        limit: In frames.
    """

    def __init__(
        self, kind: MediaKind, *, on_picture_loss: Callable[[], None], limit: int = LIMIT
    ) -> None:
        self._kind = kind
        self._limit = limit
        self._on_picture_loss = on_picture_loss
        self._frames: deque[tuple[RTCRtpCodecParameters, EncodedFrame] | None] = deque()
        self._changed = threading.Condition()
        self.dropped = 0

    def put(self, item: tuple[RTCRtpCodecParameters, EncodedFrame] | None) -> None:
        """Add a frame; None ends the thread once it has finished the frame it works on."""
        with self._changed:
            if item is None:
                self._frames.clear()
            elif not item[1].data:
                # An empty packet tells av's decoders that the stream has ended, for good.
                return
            lost_picture = item is not None and self._make_room()
            self._frames.append(item)
            self._changed.notify()
        if lost_picture:
            self._on_picture_loss()

    def get(self) -> tuple[RTCRtpCodecParameters, EncodedFrame] | None:
        """Wait for a frame and take it."""
        with self._changed:
            self._changed.wait_for(lambda: self._frames)
            return self._frames.popleft()

    def _make_room(self) -> bool:
        if len(self._frames) < self._limit:
            return False
        match self._kind:
            case MediaKind.AUDIO:
                self._frames.popleft()
                self.dropped += 1
                return False
            case MediaKind.VIDEO:
                self.dropped += len(self._frames)
                self._frames.clear()
                return True
