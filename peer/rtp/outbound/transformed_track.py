"""Frames of a track that a transform of the program changes before they are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.encoding import subscribe
from peer.rtp.formats import format_of
from peer.rtp.frame_transform import FrameToSend, transformed
from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.encoding import EncodingSettings, OutgoingFrame, Subscription
    from peer.rtp.frame_transform import FrameTransform
    from peer.rtp.tracks import MediaStreamTrack


class TransformedTrack:
    """Subscribes to tracks, with the transform of one sender between track and packets.

    Frames come packetised, once for all senders of a track: those of a sender with a transform are
    put together, changed, and cut anew.

    Attributes:
        transform: Changes each whole frame; None changes nothing, and costs nothing.
    """

    def __init__(self) -> None:
        self.transform: FrameTransform | None = None

    def __repr__(self) -> str:
        return f"<TransformedTrack by {self.transform!r}>"

    def subscribe(
        self,
        track: MediaStreamTrack,
        settings: EncodingSettings,
        *,
        on_frame: Callable[[OutgoingFrame], None],
        on_ended: Callable[[], None],
        on_error: Callable[[Exception], None],
    ) -> Subscription:
        """Subscribe to the encoded and packetised frames of a track, with the present transform."""
        transform = self.transform
        if transform is not None:
            on_frame = _Repacketizer(transform, settings, on_frame).take
        return subscribe(track, settings, on_frame=on_frame, on_ended=on_ended, on_error=on_error)


class _Repacketizer:
    """Puts frames together, has them changed, and cuts them into packets again."""

    def __init__(
        self,
        transform: FrameTransform,
        settings: EncodingSettings,
        on_frame: Callable[[OutgoingFrame], None],
    ) -> None:
        self._transform = transform
        self._codec = settings.codec
        self._limit = settings.payload_limit
        self._on_frame = on_frame
        # Two, as picture ids and the like are counted in each.
        self._assembler, self._packetizer = format_of(self._codec), format_of(self._codec)

    def take(self, frame: OutgoingFrame) -> None:
        """Pass on a frame as the transform leaves it, or drop it."""
        whole = FrameToSend(self._codec, self._assembler.assemble(frame.payloads), frame.keyframe)
        changed = transformed(self._transform, whole)
        if changed is None:
            return
        payloads = self._packetizer.packetize(changed, keyframe=frame.keyframe, limit=self._limit)
        if payloads:
            self._on_frame(replace(frame, payloads=tuple(payloads), size=len(changed)))
