"""Decodes the frames of one stream one by one, and tells what became of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from peer.rtp.codecs import DecodeError, FrameDecoder
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peer.rtp.codecs import Concealment
    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.tracks import Frame
    from peer.rtp_parameters import Codec
    from peer.times import MonotonicTime, Seconds


class DecoderLike(Protocol):
    """The decoder of one stream."""

    def decode(self, payload: bytes, pts: int) -> Sequence[Frame]:
        """Decode one encoded frame.

        Raises:
            DecodeError: The decoder refuses it.
        """

    def conceal(self, payload: bytes, pts: int) -> Concealment:
        """Fill in for the sound lost before a frame of audio, which is decoded next."""


class DecodeEvents(Protocol):
    """The events of a stream that is decoded, told on the event loop."""

    def on_decoded(self, frames: Sequence[Frame], source: EncodedFrame, seconds: Seconds) -> None:
        """Take the frames decoded of `source`, and the seconds that it took."""

    def on_concealed(self, concealment: Concealment) -> None:
        """Take the frames that fill in for lost sound, before those decoded next."""

    def on_undecodable(self, source: EncodedFrame) -> None:
        """Learn that the decoder refused a frame; all up to the next key frame is dropped."""


class StreamDecoding:
    """Decodes the frames of one stream, with a decoder for each codec that it changes to.

    Args:
        events: Takes the events, on the thread that decodes.
        clock: The monotonic clock, in seconds, for the time that decoding takes.
        make_decoder: Makes a decoder; raises DecodeError where there is none for the codec.
    """

    def __init__(
        self,
        events: DecodeEvents,
        clock: Callable[[], MonotonicTime],
        make_decoder: Callable[[Codec], DecoderLike] = FrameDecoder,
    ) -> None:
        self._events = events
        self._clock = clock
        self._make_decoder = make_decoder
        self._codec: Codec | None = None
        self._decoder: DecoderLike | None = None

    def decode(self, frame: EncodedFrame) -> None:
        """Decode the next frame, and tell its events, `on_decoded` or `on_undecodable` last."""
        begun = self._clock()
        codec = frame.codec
        try:
            decoder = self._decoder
            if decoder is None or (codec is not self._codec and codec != self._codec):
                self._codec = codec
                decoder = self._decoder = self._make_decoder(codec)
            if frame.gap and codec.kind is MediaKind.AUDIO:
                concealment = decoder.conceal(frame.payload, frame.pts)
                if concealment.frames:
                    self._events.on_concealed(concealment)
            decoded = decoder.decode(frame.payload, frame.pts)
        except DecodeError:
            self._events.on_undecodable(frame)
        else:
            self._events.on_decoded(decoded, frame, self._clock() - begun)
