"""Owns the track of encoded frames, by which a receiver's media is sent on without decoding."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from peer.rtp.inbound.readers import FrameReader
from peer.rtp.push_track import PushTrack
from peer.rtp.tracks import MediaStreamError

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.push_track import FrameSink
    from peer.rtp_parameters import MediaKind


class EncodedTrack(PushTrack):
    """Gives `EncodedFrame`s to a sender, from the next key frame on.

    Our senders have them handed over at once; nobody can `recv` them at the same time.

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
        self._sink: FrameSink | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

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
            self._hand_on_soon()

    def forward(self, sink: FrameSink) -> None:
        """Hand everything to `sink` from the next turn of the loop on, rather than to who asks.

        It comes instead of the sink before.
        """
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._hand_on_soon()

    def stop_forwarding(self, sink: FrameSink) -> None:
        """Hand nothing to `sink` any more; frames wait for who asks."""
        if self._sink is sink:
            self._sink = None

    def put(self, frame: EncodedFrame) -> None:
        """Take the next frame."""
        self._reader.put(frame)
        if self._sink is not None:
            self._hand_on()

    def finish(self) -> None:
        """No frame follows."""
        self._reader.finish()
        super().stop()
        self._hand_on_soon()

    def abandon(self) -> None:
        """No frame follows, and those that wait are dropped."""
        self.stop()

    def _hand_on_soon(self) -> None:
        if self._sink is not None and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon(self._hand_on)

    def _hand_on(self) -> None:
        while self._sink is not None and (frame := self._reader.take()) is not None:
            self._sink.on_frame(frame)
        if self._sink is None or self._loop is None:
            return
        if self._reader.finished:
            sink, self._sink = self._sink, None
            sink.on_track_ended()
        elif self._reader.awaits_keyframe:
            # Not while the receiver is about to tell of a frame.
            self._loop.call_soon(self.request_keyframe)
