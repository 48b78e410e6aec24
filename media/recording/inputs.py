"""Inputs of a recorder: each kind of track as encoded frames."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Protocol

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, VideoFrame

from media.recording.transcode import FrameEncoder
from peer import EncodedFrame, RtpReceiver
from peer.rtp.codecs import CodecError
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Hashable

    from peer import Codec
    from peer.rtp.inbound.encoded_track import EncodedTrack
    from peer.times import MonotonicTime

#: Frames that wait for the recorder, a few seconds (ours).
_LIMIT = 256
#: Sender of all encoded tracks, which do not name theirs; their wall clocks tell them apart.
_TOGETHER = "encoded tracks"


class RecorderInput(Protocol):
    """Track as a recorder reads it."""

    kind: MediaKind

    @property
    def sender(self) -> Hashable:
        """The identity of the sender; tracks of one sender are stamped by one clock."""

    @property
    def expected(self) -> Codec | None:
        """The codec that frames will most likely have; None where it is not known."""

    def frames(self) -> AsyncIterator[EncodedFrame]:
        """Yield the frames until the track ends; video begins at a key frame."""

    def request_keyframe(self) -> None:
        """Request a key frame from the sender."""


class ReceiverInput:
    """Input from an `RtpReceiver`.

    Args:
        receiver: The receiver, which may have other readers.
    """

    def __init__(self, receiver: RtpReceiver) -> None:
        self.kind = receiver.kind
        self._receiver = receiver

    @property
    def sender(self) -> Hashable:
        """The identity of the transport, or of the receiver without one."""
        transport = self._receiver.transport_id
        return id(self._receiver) if transport is None else transport

    @property
    def expected(self) -> Codec | None:
        """The most preferred codec that was agreed."""
        return next(
            (each for each in self._receiver.getParameters().codecs if not each.is_auxiliary), None
        )

    async def frames(self) -> AsyncIterator[EncodedFrame]:
        """Yield the frames of the receiver."""
        reader = self._receiver.encoded_frames(_LIMIT)
        try:
            async for frame in reader:
                yield frame
        finally:
            await reader.aclose()

    def request_keyframe(self) -> None:
        """Request a key frame from the peer."""
        self._receiver.request_keyframe()


class EncodedInput:
    """Input from an `EncodedTrack`, which must have no other reader.

    Args:
        track: The track; it is never stopped.
    """

    expected = None
    sender: Hashable = _TOGETHER

    def __init__(self, track: EncodedTrack) -> None:
        self.kind = MediaKind(track.kind)
        self._track = track

    async def frames(self) -> AsyncIterator[EncodedFrame]:
        """Yield the frames of the track."""
        while True:
            try:
                yield await self._track.recv()
            except MediaStreamError:
                return

    def request_keyframe(self) -> None:
        """Request a key frame from the peer that sends the track."""
        self._track.request_keyframe()


class RawInput:
    """Input from any other track, whose decoded frames are encoded.

    Args:
        track: The track; it is never stopped. Encoded frames pass unchanged.
        codec: Name of the codec to encode in.
        on_encoding: Called before the first frame is encoded.
        on_error: Called with the error when a frame could not be encoded.
    """

    expected = None

    def __init__(
        self,
        track: MediaStreamTrack,
        codec: str,
        *,
        on_encoding: Callable[[], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self.kind = MediaKind(track.kind)
        self._track = track
        self._name = codec
        self._on_encoding = on_encoding
        self._on_error = on_error
        self._encoder: FrameEncoder | None = None

    @property
    def sender(self) -> Hashable:
        """The input itself, as no clock relates it to other tracks."""
        return self

    async def frames(self) -> AsyncIterator[EncodedFrame]:
        """Yield the encoded frames of the track."""
        failed = False
        while True:
            try:
                frame: object = await self._track.recv()
            except MediaStreamError:
                return
            if isinstance(frame, EncodedFrame):
                yield frame
                continue
            if not isinstance(frame, AudioFrame | VideoFrame):
                self._on_error(TypeError(f"a track gave a {type(frame).__name__}"))
                return
            try:
                for each in await asyncio.to_thread(self._encode, frame, time.monotonic()):
                    yield each
                failed = False
            except CodecError as error:
                if not failed:
                    self._on_error(error)
                failed = True

    def request_keyframe(self) -> None:
        """Make the next video frame a key frame."""
        # A new encoder begins with a key frame.
        self._encoder = None

    def _encode(self, frame: AudioFrame | VideoFrame, arrival: MonotonicTime) -> list[EncodedFrame]:
        encoder = self._encoder
        if encoder is None:
            self._on_encoding()
            encoder = self._encoder = FrameEncoder(self._name)
        return encoder.encode(frame, arrival)
