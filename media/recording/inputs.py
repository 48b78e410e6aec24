"""Owns how a recorder reads each kind of track: as encoded frames, whatever it gives."""

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

#: Frames that wait for the recorder: some seconds, as it only hands them on.
_LIMIT = 256
#: Of tracks of encoded frames, which do not say whose they are; their clocks tell them apart.
_TOGETHER = "encoded tracks"


class RecorderInput(Protocol):
    """One track, as the recorder reads it."""

    kind: MediaKind

    @property
    def sender(self) -> Hashable:
        """Tracks with the same one are stamped by one clock."""

    @property
    def expected(self) -> Codec | None:
        """What it will most likely come in; None where nobody knows."""

    def frames(self) -> AsyncIterator[EncodedFrame]:
        """What comes until the track ends, pictures from a key frame on."""

    def request_keyframe(self) -> None:
        """Ask for a picture that can be decoded by itself."""


class ReceiverInput:
    """Frames as a receiver gets them.

    Args:
        receiver: It may have any number of other readers.
    """

    def __init__(self, receiver: RtpReceiver) -> None:
        self.kind = receiver.kind
        self._receiver = receiver

    @property
    def sender(self) -> Hashable:
        """Whoever is at the other end of the transport."""
        transport = self._receiver.transport_id
        return id(self._receiver) if transport is None else transport

    @property
    def expected(self) -> Codec | None:
        """What was agreed on in the first place."""
        return next(
            (each for each in self._receiver.getParameters().codecs if not each.is_auxiliary), None
        )

    async def frames(self) -> AsyncIterator[EncodedFrame]:
        """What comes."""
        reader = self._receiver.encoded_frames(_LIMIT)
        try:
            async for frame in reader:
                yield frame
        finally:
            await reader.aclose()

    def request_keyframe(self) -> None:
        """Ask the peer."""
        self._receiver.request_keyframe()


class EncodedInput:
    """Frames of an `EncodedTrack`, which nobody else should read then.

    Args:
        track: It is read, and never stopped.
    """

    expected = None
    sender: Hashable = _TOGETHER

    def __init__(self, track: EncodedTrack) -> None:
        self.kind = MediaKind(track.kind)
        self._track = track

    async def frames(self) -> AsyncIterator[EncodedFrame]:
        """What comes."""
        while True:
            try:
                yield await self._track.recv()
            except MediaStreamError:
                return

    def request_keyframe(self) -> None:
        """Ask the peer that sends."""
        self._track.request_keyframe()


class RawInput:
    """Pictures or sound of any other track, encoded here.

    Args:
        track: It is read, and never stopped. Frames that are encoded already pass.
        codec: The name of the codec to encode in.
        on_encoding: Called before the first frame is encoded.
        on_error: Called with what could not be encoded.
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
        """Its own: nothing says what it has to do with other tracks."""
        return self

    async def frames(self) -> AsyncIterator[EncodedFrame]:
        """What comes."""
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
        """The next picture is one."""
        # A new encoder begins with one; nothing else of it would be different.
        self._encoder = None

    def _encode(self, frame: AudioFrame | VideoFrame, arrival: float) -> list[EncodedFrame]:
        encoder = self._encoder
        if encoder is None:
            self._on_encoding()
            encoder = self._encoder = FrameEncoder(self._name)
        return encoder.encode(frame, arrival)
