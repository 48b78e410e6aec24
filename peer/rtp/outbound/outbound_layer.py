"""Runs one layer of a simulcast: a stream that stops while it gets no bitrate."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from peer.rtp.congestion.layers import layer_share
from peer.rtp.encoding import subscribe
from peer.rtp.outbound.encodings import priority_weight
from peer.rtp.outbound.outbound_stream import OutboundStream
from peer.rtp_parameters import MediaKind
from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.congestion.layers import LayerShare
    from peer.rtp.encoding import EncodingSettings, OutgoingFrame
    from peer.rtp.outbound.encodings import RtpEncodingParameters
    from peer.rtp.outbound.layer_bitrates import LayerBitrates
    from peer.rtp.outbound.outgoing_track import Subscribe
    from peer.rtp_parameters import SendLayer, SendParameters

logger = logging.getLogger(__name__)

#: Pixels of the source before its first frame (ours: 1280 x 720).
SOURCE_PIXELS = 1280 * 720


class OutboundLayer(OutboundStream):
    """Sends one encoding of a picture beside others, for as long as there is bitrate for it.

    Args:
        bitrates: Divides the bitrate of the sender among its layers; the engine of this stream.
        parameters: Negotiated parameters.
        encoding: Encoding parameters set by the application.
        layer: RID and SSRCs.
        copy: Number of the encoder among those with the same settings.
        on_source: Called with the pixels of the source where a frame shows that they changed.
        subscribe: Subscribes to the frames of a track.

    Attributes:
        rid: RID of the layer.
        carries_encoded: Whether frames that come encoded are sent in this layer, which nothing here
            can scale.
    """

    def __init__(
        self,
        bitrates: LayerBitrates,
        parameters: SendParameters,
        encoding: RtpEncodingParameters,
        layer: SendLayer,
        *,
        copy: int,
        on_source: Callable[[int], None],
        subscribe: Subscribe = subscribe,
    ) -> None:
        self.rid = layer.rid
        self.carries_encoded = False
        self._copy = copy
        self._on_source = on_source
        self._pixels = 0
        self._source_pixels = SOURCE_PIXELS
        self._is_starved = False
        self._is_unwanted = layer.paused
        super().__init__(
            MediaKind.VIDEO,
            bitrates,
            parameters,
            encoding,
            ssrc=layer.ssrc,
            rtx_ssrc=layer.rtx_ssrc,
            rid=layer.rid,
            subscribe=subscribe,
        )

    @property
    def paused(self) -> bool:
        """True while frames are dropped because one end wants none, not for lack of bitrate."""
        return super().paused or self._is_unwanted

    @property
    def is_starved(self) -> bool:
        """True while there is no bitrate for this layer."""
        return self._is_starved and not self.paused

    def set_layer(
        self, layer: SendLayer, parameters: SendParameters | None, encoding: RtpEncodingParameters
    ) -> None:
        """Go on with other parameters, and send or pause as the peer wants it."""
        self._is_unwanted = layer.paused
        self._encoding = encoding
        self.set_parameters(parameters)

    def set_copy(self, copy: int) -> None:
        """Use another encoder of those with the same settings."""
        if copy != self._copy:
            self._copy = copy
            self._track.configure(self._settings)

    def set_source_pixels(self, pixels: int) -> None:
        """Ask for what pictures of a source with so many pixels need."""
        if pixels != self._source_pixels:
            self._source_pixels = pixels
            self._update_encoder_bitrate()
            self._update_share()

    def on_target(self, bps: int) -> None:
        """Follow the bitrate in bits/s that the layer gets; with none it stops until there is."""
        is_starved = bps == 0
        if not is_starved:
            super().on_target(bps)
        else:
            self.target = 0
        if is_starved is self._is_starved:
            return
        self._is_starved = is_starved
        logger.info("the layer %s %s", self.rid, "waits for bitrate" if is_starved else "is sent")
        if is_starved:
            self._engine.discard(self.rtp)
        self._track.pause(self._drops_frames)

    @property
    def _drops_frames(self) -> bool:
        return self.paused or self._is_starved

    @property
    def _settings(self) -> EncodingSettings:
        return replace(super()._settings, copy=self._copy)

    @property
    def _max_bitrate(self) -> int:
        return self._share.maximum or super()._max_bitrate

    @property
    def _share(self) -> LayerShare:
        scale = self._encoding.scaleResolutionDownBy or 1.0
        return layer_share(
            round(self._source_pixels / scale**2),
            highest=self._encoding.maxBitrate,
            weight=priority_weight(self._encoding),
        )

    def _on_frame(self, frame: OutgoingFrame) -> None:
        if not frame.encoded and not self.carries_encoded:
            return
        super()._on_frame(frame)
        if frame.width and frame.height and (pixels := frame.width * frame.height) != self._pixels:
            self._pixels = pixels
            scale = self._encoding.scaleResolutionDownBy or 1.0
            self._on_source(round(pixels * (scale**2 if frame.encoded else 1.0)))
