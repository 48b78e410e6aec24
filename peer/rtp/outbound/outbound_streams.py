"""Runs the streams of one sender: one, or one for each encoding of a simulcast."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from peer.rtp.encoding import subscribe
from peer.rtp.outbound.encodings import RtpEncodingParameters, with_codec_first
from peer.rtp.outbound.layer_bitrates import LayerBitrates
from peer.rtp.outbound.outbound_layer import OutboundLayer
from peer.rtp.outbound.outbound_stream import OutboundStream
from peer.rtp_parameters import MediaKind
from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from peer.rtp.engine.ports import SendingEngine
    from peer.rtp.outbound.outgoing_track import Subscribe
    from peer.rtp.tracks import MediaStreamTrack
    from peer.rtp_parameters import SendParameters

#: The key of the one stream of a sender without simulcast: no RID is empty.
_ALONE = ""


class OutboundStreams:
    """Starts, changes and stops the streams of one sender, from the frames of one track.

    Args:
        kind: Audio or video.
        engine: RTP engine of the transport.
        parameters: Negotiated parameters.
        encodings: Encoding parameters set by the application.
        ssrc: SSRC of a stream without RID.
        rtx_ssrc: SSRC of its RTX stream.
        subscribe: Subscribes to the frames of a track.
    """

    def __init__(
        self,
        kind: MediaKind,
        engine: SendingEngine,
        parameters: SendParameters,
        encodings: Sequence[RtpEncodingParameters],
        *,
        ssrc: int,
        rtx_ssrc: int,
        subscribe: Subscribe = subscribe,
    ) -> None:
        self._kind = kind
        self._subscribe = subscribe
        self._parameters = parameters
        self._encodings = tuple(encodings)
        self._track: MediaStreamTrack | None = None
        self._layers: dict[str, OutboundLayer] = {}
        self._alone: OutboundStream | None = None
        self._bitrates: LayerBitrates | None = None
        self._source_pixels: int | None = None
        if parameters.layers and kind is MediaKind.VIDEO:
            self._bitrates = LayerBitrates(engine, self._pad)
            self._arrange()
        else:
            self._alone = OutboundStream(
                kind,
                engine,
                self._parameters_of(self._encodings[0]),
                self._encodings[0],
                ssrc=ssrc,
                rtx_ssrc=rtx_ssrc,
                subscribe=subscribe,
            )

    def __repr__(self) -> str:
        """Show the streams of the sender."""
        return f"<OutboundStreams {list(self)}>"

    def __iter__(self) -> Iterator[OutboundStream]:
        """The streams, in the order of the encodings."""
        if self._alone is not None:
            return iter((self._alone,))
        rids = (layer.rid for layer in self._parameters.layers)
        return iter([self._layers[rid] for rid in rids if rid in self._layers])

    @property
    def first(self) -> OutboundStream:
        """The stream of the first encoding."""
        return next(iter(self))

    def encoding_of(self, stream: OutboundStream) -> RtpEncodingParameters:
        """Return the encoding parameters of a stream."""
        rid = stream.rid if isinstance(stream, OutboundLayer) else None
        return next((each for each in self._encodings if each.rid == rid), self._encodings[0])

    def set_track(self, track: MediaStreamTrack | None) -> None:
        """Send another track, or none, as the same streams."""
        self._track = track
        for stream in self:
            stream.set_track(track)

    def set_parameters(
        self, parameters: SendParameters | None, encodings: Sequence[RtpEncodingParameters]
    ) -> None:
        """Use other negotiated parameters; None drops frames until there are parameters again."""
        self._encodings = tuple(encodings)
        if parameters is not None:
            self._parameters = parameters
        if self._alone is not None:
            chosen = None if parameters is None else self._parameters_of(self._encodings[0])
            self._alone.set_parameters(chosen)
        else:
            self._arrange(sends=parameters is not None)

    def set_encodings(self, encodings: Sequence[RtpEncodingParameters]) -> None:
        """Use other encoding parameters of the application."""
        self._encodings = tuple(encodings)
        if self._alone is not None:
            encoding = self._encodings[0]
            self._alone.set_encoding(encoding)
            if self._alone.sends:
                self._alone.set_parameters(self._parameters_of(encoding))
        else:
            self._arrange(sends=self.first.sends)

    def request_keyframe(self, index: int) -> None:
        """Make the next picture of an encoding a key frame."""
        for stream in self:
            if self.encoding_of(stream) is self._encodings[index]:
                stream.request_keyframe()

    def stop(self) -> None:
        """Send a BYE for each stream, and release everything."""
        for stream in self:
            stream.stop()
        if self._bitrates is not None:
            self._bitrates.stop()

    def _arrange(self, *, sends: bool = True) -> None:
        """Have a stream for each layer that is agreed on, and no others."""
        if self._bitrates is None:
            return
        agreed = {layer.rid: layer for layer in self._parameters.layers}
        for rid in [rid for rid in self._layers if rid not in agreed]:
            self._layers.pop(rid).stop()
        copies = Counter[object]()
        known = {each.rid: each for each in self._encodings}
        smallest = min((each.scaleResolutionDownBy or 1.0 for each in self._encodings), default=1.0)
        for layer in self._parameters.layers:
            encoding = known.get(layer.rid) or self._encodings[0]
            parameters = self._parameters_of(encoding)
            scale = encoding.scaleResolutionDownBy or 1.0
            same = (parameters.codecs[0], scale, encoding.maxFramerate)
            stream = self._layers.get(layer.rid)
            if stream is None:
                stream = self._layers[layer.rid] = OutboundLayer(
                    self._bitrates,
                    parameters,
                    encoding,
                    layer,
                    copy=copies[same],
                    on_source=self._on_source,
                    subscribe=self._subscribe,
                )
                if self._source_pixels is not None:
                    stream.set_source_pixels(self._source_pixels)
                stream.set_track(self._track)
            else:
                stream.set_copy(copies[same])
                stream.set_layer(layer, parameters if sends else None, encoding)
            copies[same] += 1
            # One stream that came encoded is not to go out in several layers.
            stream.carries_encoded = scale == smallest
            smallest = 0.0 if stream.carries_encoded else smallest

    def _parameters_of(self, encoding: RtpEncodingParameters) -> SendParameters:
        parameters = self._parameters
        codecs = with_codec_first(parameters.codecs, encoding.codec, self._kind)
        return parameters if codecs is parameters.codecs else replace(parameters, codecs=codecs)

    def _on_source(self, pixels: int) -> None:
        self._source_pixels = pixels
        for layer in self._layers.values():
            layer.set_source_pixels(pixels)

    def _pad(self, octets: int) -> int:
        """Send padding in the largest layer that is sent; returns the octets sent by all layers."""
        sending = [layer for layer in self._layers.values() if layer.target]
        if octets and sending:
            max(sending, key=lambda layer: layer.target or 0).pad(octets)
        return sum(layer.octets_sent for layer in self._layers.values())
