"""The track of encoded frames, by which a receiver's media is sent on without decoding."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Protocol

from peer.rtp.inbound.layer_selector import LayerSelector
from peer.rtp.inbound.readers import FrameReader
from peer.rtp.push_track import PushTrack
from peer.rtp.tracks import MediaStreamError
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.inbound.layers import ReceivedLayer
    from peer.rtp.push_track import FrameSink
    from peer.times import MonotonicTime


class LayerSource(Protocol):
    """The receiver of a simulcast, as a track that chooses an encoding sees it."""

    @property
    def clock(self) -> Callable[[], MonotonicTime]:
        """Monotonic clock of the receiver."""

    def received_layers(self) -> tuple[ReceivedLayer, ...]:
        """List the encodings that were agreed on; none where there is one stream alone."""

    def limit_layer(self, reader: EncodedTrack, most: str | None) -> None:
        """Give a track no larger encoding than this one."""

    def request_layer_keyframe(self, reader: EncodedTrack) -> None:
        """Request a key frame of the encoding that a track gets."""


class EncodedTrack(PushTrack):
    """A track that gives `EncodedFrame`s to senders, from the next key frame on.

    Frames are pushed to our senders at once; `recv` gets none at the same time.

    Args:
        kind: Audio or video.
        on_keyframe_wanted: Requests a key frame of the peer that sends.
        limit: Frames that wait at most; `FrameQueue` says which are dropped beyond it.
        layers: Gives encodings of a simulcast; None for a track that has no choice.
        follows_bandwidth: Whether its senders' bandwidth selects the encoding.

    Attributes:
        follows_bandwidth: Whether its senders' bandwidth selects the encoding.
    """

    def __init__(
        self,
        kind: MediaKind,
        on_keyframe_wanted: Callable[[], None],
        limit: int,
        layers: LayerSource | None = None,
        *,
        follows_bandwidth: bool = False,
    ) -> None:
        super().__init__()
        self.follows_bandwidth = (
            follows_bandwidth and layers is not None and kind is MediaKind.VIDEO
        )
        self._selector = LayerSelector()
        #: Bits/s that each of the senders has for the track.
        self._bandwidths: dict[object, int] = {}
        self._layers = layers
        self._most: str | None = None
        # Whether the receiver gives this track an encoding of its own choice.
        self._is_chosen = False
        self.kind = kind.value
        self._on_keyframe_wanted = on_keyframe_wanted
        # Weakly, so that a track that was let go is gone at once.
        held = weakref.ref(self)

        def ask() -> None:
            if (track := held()) is not None:
                track.request_keyframe()

        self._reader = FrameReader(ask, limit)
        self._sink: FrameSink | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __repr__(self) -> str:
        return f"<EncodedTrack {self.kind} {self.id} {self.readyState} dropped={self.dropped}>"

    @property
    def dropped(self) -> int:
        """Frames that were not fetched in time."""
        return self._reader.dropped

    @property
    def layer(self) -> str | None:
        """RID of the largest encoding of a simulcast that is wanted; None for the largest there is.

        A track that follows the bandwidth of its senders gives a smaller one where that is too
        little.

        A change happens at a key frame, which is asked for. While the encoding does not come, the
        largest below it is given. Where the peer sends no simulcast, there is one stream to give.
        """
        return self._most

    @layer.setter
    def layer(self, rid: str | None) -> None:
        self._most = rid
        self._limit()

    def on_bandwidth(self, sender: object, bps: int | None) -> int | None:
        """Select the encoding that the poorest of the senders can send."""
        if bps is None:
            self._bandwidths.pop(sender, None)
        else:
            self._bandwidths[sender] = bps
        layers = self._layers
        if not self._bandwidths or layers is None or self.readyState != "live":
            return None
        before = self._selector.selected
        selected = self._selector.select(
            layers.received_layers(),
            min(self._bandwidths.values()),
            most=self._most,
            now=layers.clock(),
        )
        if selected != before:
            self._limit()
        return self._selector.waiting

    def _limit(self) -> None:
        if self._layers is not None and self.readyState == "live":
            self._is_chosen = True
            self._layers.limit_layer(self, self._selector.selected or self._most)

    async def recv(self) -> EncodedFrame:  # type: ignore[override]  # our senders take it
        """Wait for the next frame.

        Raises:
            MediaStreamError: The track has ended. Where the receiver ended it, the frames that had
                arrived by then are given first.
        """
        try:
            return await anext(self._reader)
        except StopAsyncIteration:
            raise MediaStreamError from None

    def request_keyframe(self) -> None:
        """Request a key frame of the peer that sends; senders do when their peers request one."""
        if self.readyState != "live":
            return
        if self._is_chosen and self._layers is not None:
            self._layers.request_layer_keyframe(self)
        else:
            self._on_keyframe_wanted()

    def stop(self) -> None:
        """End the track, as the application asks; frames not fetched are dropped."""
        if self.readyState == "live":
            self._reader.abandon()
            super().stop()
            self._push_soon()

    def forward(self, sink: FrameSink) -> None:
        """Push all frames to `sink` from the next turn of the event loop on, instead of to `recv`.

        It replaces the sink before.
        """
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._push_soon()

    def stop_forwarding(self, sink: FrameSink) -> None:
        """Push no more frames to `sink`, if it is the present one; frames wait for `recv`."""
        if self._sink is sink:
            self._sink = None

    def put(self, frame: EncodedFrame) -> None:
        """Take the next frame of the receiver."""
        self._reader.put(frame)
        if self._sink is not None:
            self._push()

    def finish(self) -> None:
        """End the track after the frames that wait."""
        self._reader.finish()
        super().stop()
        self._push_soon()

    def abandon(self) -> None:
        """End the track, and drop the frames that wait."""
        self.stop()

    def _push_soon(self) -> None:
        if self._sink is not None and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon(self._push)

    def _push(self) -> None:
        while self._sink is not None and (frame := self._reader.take()) is not None:
            self._sink.on_frame(frame)
        if self._sink is None or self._loop is None:
            return
        if self._reader.finished:
            sink, self._sink = self._sink, None
            sink.on_track_ended()
        elif self._reader.awaits_keyframe:
            # Not while the receiver is within the call that gives a frame.
            self._loop.call_soon(self.request_keyframe)
