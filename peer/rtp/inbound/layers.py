"""Gives readers of a receiver the encoding of a simulcast that each of them chooses."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from peer.rtp.receiving.layer_view import LayerView
from peer.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.inbound.readers import ItemConsumer
    from peer.rtp.receiving.stream_receiver import RtpStreamReceiver
    from peer.times import MonotonicTime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedLayer:
    """One encoding of a picture that the peer sends in several (RFC 8853).

    Args:
        rid: Its RID, or its SSRC where the peer says those instead.
        ssrc: The SSRC that it comes with at present; None before its first packet.
        pixels: Width times height of its last key frame; 0 before one.
        bitrate: Bits/s of late; 0 before they were measured.
        active: Whether packets of it come at present.
    """

    rid: str
    ssrc: int | None
    pixels: int
    bitrate: int
    active: bool


class LayerReaders:
    """The readers of one receiver that choose an encoding, each held weakly.

    Args:
        receiver: Has the encodings.
        change: Changes each frame before it is read (`receiver.transform`); None drops it.

    Attributes:
        views: What each of these readers gets; empty while none has chosen.
    """

    def __init__(
        self,
        receiver: RtpStreamReceiver,
        change: Callable[[EncodedFrame], EncodedFrame | None] = lambda frame: frame,
    ) -> None:
        self._receiver = receiver
        self._change = change
        self.views: weakref.WeakKeyDictionary[ItemConsumer[EncodedFrame], LayerView]
        self.views = weakref.WeakKeyDictionary()
        self._finished = False

    def __repr__(self) -> str:
        return f"<LayerReaders {list(self.views.values())}>"

    def layers(self, now: MonotonicTime) -> tuple[ReceivedLayer, ...]:
        """The encodings that were agreed on; none where there is one stream alone."""
        layers = self._receiver.layers
        if layers is None:
            return ()
        return tuple(
            ReceivedLayer(
                rid=name,
                ssrc=ssrc,
                pixels=layer.area,
                bitrate=round(layer.bitrate * 8),
                active=layer.is_active(now),
            )
            for name, ssrc, layer in layers.described()
        )

    def limit(
        self, reader: ItemConsumer[EncodedFrame], most: str | None, *, now: MonotonicTime
    ) -> None:
        """Give a reader no larger encoding than this one, from the next key frame on."""
        if self._finished:
            return
        view = self.views.get(reader)
        if view is None:
            view = self.views[reader] = self._new_view(reader)
            view.limit(most)
            self._receiver.add_view(view, now)
            return
        view.limit(most)
        if self._receiver.layers is not None:
            self._receiver.layers.look(now)

    def request_keyframe(self, reader: ItemConsumer[EncodedFrame], now: MonotonicTime) -> None:
        """Request a key frame of the encoding that a reader gets."""
        self._receiver.request_keyframe(now, self.views.get(reader))

    def put_alone(self, frame: EncodedFrame) -> None:
        """Give a frame to all readers, where there is one stream alone."""
        if self._receiver.layers is None:
            for reader in tuple(self.views):
                reader.put(frame)

    def finish(self) -> None:
        """Tell every reader that no frame follows."""
        for reader in self._end():
            reader.finish()

    def abandon(self) -> None:
        """Finish every reader, and drop the frames that wait."""
        for reader in self._end():
            reader.abandon()

    def _end(self) -> tuple[ItemConsumer[EncodedFrame], ...]:
        readers = tuple(self.views)
        self._finished = True
        for view in self.views.values():
            self._receiver.remove_view(view)
        self.views.clear()
        return readers

    def _new_view(self, reader: ItemConsumer[EncodedFrame]) -> LayerView:
        held, change, was_dropped = weakref.ref(reader), self._change, False

        def put(frame: EncodedFrame) -> None:
            nonlocal was_dropped
            found, changed = held(), change(frame)
            if changed is None:
                was_dropped = True
            elif found is not None:
                found.put(replace(changed, gap=True) if was_dropped else changed)
                was_dropped = False

        view = LayerView(put)
        weakref.finalize(reader, self._receiver.remove_view, view).atexit = False
        return view
