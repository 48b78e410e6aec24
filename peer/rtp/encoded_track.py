"""Owns the track of encoded frames, by which a receiver's media is sent on without decoding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.readers import FrameReader
from peer.rtp.tracks import MediaStreamError, MediaStreamTrack

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp_parameters import MediaKind


class EncodedTrack(MediaStreamTrack):
    """Gives `EncodedFrame`s to a sender, from the next key frame on.

    Args:
        kind: Audio or video.
        on_keyframe_wanted: Asks the peer that sends for a key frame.
        limit: How many frames wait at most; what is dropped beyond it, `FrameQueue` says.
    """

    def __init__(self, kind: MediaKind, on_keyframe_wanted: Callable[[], None], limit: int) -> None:
        super().__init__()
        self.kind = kind.value
        self._on_keyframe_wanted = on_keyframe_wanted
        self._reader = FrameReader(on_keyframe_wanted, limit)

    @property
    def dropped(self) -> int:
        """Frames that were not fetched in time."""
        return self._reader.dropped

    async def recv(self) -> EncodedFrame:  # type: ignore[override]  # our senders take it
        """The next frame.

        Raises:
            MediaStreamError: The track has ended. Where the receiver ended it, the frames that had
                arrived by then are given first.
        """
        try:
            return await anext(self._reader)
        except StopAsyncIteration:
            raise MediaStreamError from None

    def request_keyframe(self) -> None:
        """Ask the peer that sends for a key frame; senders do, when theirs ask them."""
        if self.readyState == "live":
            self._on_keyframe_wanted()

    def stop(self) -> None:
        """End the track, as the application asks; frames not fetched are dropped."""
        if self.readyState == "live":
            self._reader.abandon()
            super().stop()

    def put(self, frame: EncodedFrame) -> None:
        """Take the next frame."""
        self._reader.put(frame)

    def finish(self) -> None:
        """No frame follows."""
        self._reader.finish()
        super().stop()

    def abandon(self) -> None:
        """No frame follows, and those that wait are dropped."""
        self.stop()
