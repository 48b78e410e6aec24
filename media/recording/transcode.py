"""Transcoding of tracks for a file, where it was asked for or the container requires it."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, assert_never

from av import AudioFrame, VideoFrame

from media.recording.containers import Container, passes, transcoded_to
from media.recording.events import TranscodingReason
from media.recording.timeline import PlacedFrame
from peer import Codec, EncodedFrame
from peer.rtp.codecs import AudioEncoder, CodecError, FrameDecoder, VideoEncoder
from peer.rtp_parameters import MediaKind
from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from peer.rtp.codecs.decoder import Decoded

_CLOCKS = {"opus": 48_000, "pcmu": 8_000, "pcma": 8_000, "g722": 8_000}
#: RTP clock rate of video, in Hz (RFC 3551 section 5).
_VIDEO_CLOCK = 90_000
#: Seconds between key frames, for segments and seeking (ours).
KEYFRAMES = Fraction(2)
#: Bits a second for each pixel: 2.8 Mbit/s for 720p (ours).
_BITS = 3
#: Least and greatest bitrate in bits a second (ours).
_LEAST, _MOST = 500_000, 12_000_000


class TranscodingPlan:
    """Chooses the codec that each track is written in.

    Args:
        container: Container of the files.
        wanted: Encoding names, such as "H264", to write tracks of their kind in.

    Raises:
        ValueError: The container does not take a wanted codec, or two are of one kind.
    """

    def __init__(self, container: Container, wanted: Sequence[str]) -> None:
        self._container = container
        self._wanted: dict[MediaKind, str] = {}
        for name in wanted:
            codec = target_codec(name)
            if not passes(container, codec):
                raise ValueError(f"{container.value} takes no {name}")
            if (other := self._wanted.setdefault(codec.kind, name)) != name:
                raise ValueError(f"a track cannot be written as {other} and as {name}")

    def target(self, codec: Codec) -> tuple[str, TranscodingReason] | None:
        """Return the codec to transcode to and the reason; None for no transcoding."""
        wanted = self._wanted.get(codec.kind)
        if wanted is not None and wanted.lower() != codec.name.lower():
            return wanted, TranscodingReason.ASKED
        if passes(self._container, codec):
            return None
        unavoidable = transcoded_to(self._container, codec.kind)
        return None if unavoidable is None else (unavoidable, TranscodingReason.CONTAINER)

    def raw_target(self, kind: MediaKind) -> str | None:
        """Return the codec to encode decoded frames in; None where the container takes none."""
        return self._wanted.get(kind) or transcoded_to(self._container, kind)


def target_codec(name: str) -> Codec:
    """Make the codec of an encoding name, as our encoders take it."""
    if (clock := _CLOCKS.get(name.lower())) is not None:
        channels = 2 if name.lower() == "opus" else 1
        return Codec(
            kind=MediaKind.AUDIO, name=name, payload_type=0, clock_rate=clock, channels=channels
        )
    parameters = (("packetization-mode", "1"),) if name.lower() == "h264" else ()
    return Codec(
        kind=MediaKind.VIDEO,
        name=name,
        payload_type=0,
        clock_rate=_VIDEO_CLOCK,
        parameters=parameters,
    )


class FrameEncoder:
    """Encodes decoded frames of one track; every call blocks.

    Args:
        name: Name of the codec.

    Raises:
        CodecError: The codec has no encoder here.
    """

    def __init__(self, name: str) -> None:
        self.codec = target_codec(name)
        self._encoder: AudioEncoder | VideoEncoder
        if self.codec.kind is MediaKind.AUDIO:
            self._encoder = AudioEncoder(self.codec)
        else:
            self._encoder = VideoEncoder(self.codec)
        self._keyframe: Fraction | None = None

    def encode(self, frame: AudioFrame | VideoFrame, arrival: float) -> list[EncodedFrame]:
        """Encode a frame, and return the encoded frames that it completes.

        Args:
            frame: The decoded frame, with its timestamp.
            arrival: Arrival of the encoded frames.

        Raises:
            CodecError: The library refused the frame.
        """
        match self._encoder:
            case AudioEncoder() as encoder:
                if not isinstance(frame, AudioFrame):
                    return []
                return [
                    self._frame(sound.payload, sound.pts * sound.time_base, arrival)
                    for sound in encoder.encode(frame)
                ]
            case VideoEncoder() as encoder:
                if not isinstance(frame, VideoFrame):
                    return []
                return self._encode_picture(encoder, frame, arrival)
            case _ as never:
                assert_never(never)

    def _encode_picture(
        self, encoder: VideoEncoder, frame: VideoFrame, arrival: float
    ) -> list[EncodedFrame]:
        encoder.bitrate = min(max(_LEAST, frame.width * frame.height * _BITS), _MOST)
        time = Fraction(frame.pts or 0) * (frame.time_base or Fraction(1, _VIDEO_CLOCK))
        due = self._keyframe is None or not 0 <= time - self._keyframe < KEYFRAMES
        pictures = encoder.encode(frame, keyframe=due)
        if any(picture.keyframe for picture in pictures):
            self._keyframe = time
        return [
            replace(
                self._frame(picture.payload, picture.pts * picture.time_base, arrival),
                keyframe=picture.keyframe,
                width=picture.width,
                height=picture.height,
            )
            for picture in pictures
        ]

    def _frame(self, payload: bytes, time: Fraction, arrival: float) -> EncodedFrame:
        pts = round(time * self.codec.clock_rate)
        return EncodedFrame(
            codec=self.codec,
            payload=payload,
            ssrc=0,
            timestamp=pts % 2**32,
            pts=pts,
            arrival=arrival,
        )


class Transcoder:
    """Transcodes the placed frames of a track; every call blocks.

    Args:
        source: Codec of the track.
        target: Name of the codec to write.

    Attributes:
        failed: Number of frames that could not be decoded or encoded.

    Raises:
        CodecError: A codec has no decoder or encoder here.
    """

    def __init__(self, source: Codec, target: str) -> None:
        self.source = source
        self.failed = 0
        self._decoder = FrameDecoder(source)
        self._encoder = FrameEncoder(target)
        self._awaits_keyframe = True
        self._last: PlacedFrame | None = None
        # By the times of frames that a decoder puts in their order: times and durations in the
        # recording.
        self._places: dict[int, tuple[Fraction, Fraction]] = {}

    def transcode(self, placed: PlacedFrame) -> list[PlacedFrame]:
        """Transcode a frame, and return the frames that it completes, with their places."""
        frame = placed.frame
        if self._awaits_keyframe and not frame.keyframe:
            return []
        self._last = placed
        self._places[frame.pts] = placed.shown, placed.duration
        if len(self._places) > _MOST_PLACES:
            del self._places[next(iter(self._places))]
        try:
            self._awaits_keyframe = False
            decoded = self._decoder.decode(frame.payload, frame.pts)
            return self._encoded(placed, decoded)
        except CodecError:
            self.failed += 1
            self._awaits_keyframe = frame.codec.kind is MediaKind.VIDEO
            return []

    def finish(self) -> list[PlacedFrame]:
        """Return the frames that the decoder kept back, as none follows the last one."""
        if self._last is None:
            return []
        try:
            return self._encoded(self._last, self._decoder.finish())
        except CodecError:
            self.failed += 1
            return []

    def _encoded(self, placed: PlacedFrame, decoded: Iterable[Decoded]) -> list[PlacedFrame]:
        made = []
        clock = self._encoder.codec.clock_rate
        is_sound = placed.frame.codec.kind is MediaKind.AUDIO
        for each in decoded:
            place = self._places.pop(each.pts or 0, (placed.shown, placed.duration))
            each.pts = round(place[0] * clock)
            each.time_base = Fraction(1, clock)
            made += [
                PlacedFrame(
                    placed.key,
                    encoded,
                    Fraction(encoded.pts, clock),
                    _SOUND if is_sound else place[1],
                )
                for encoded in self._encoder.encode(each, placed.frame.arrival)
            ]
        return made


#: Frames whose places are kept: more than a decoder keeps back (ours).
_MOST_PLACES = 64
#: Duration in seconds of our encoders' packets (ours).
_SOUND = Fraction(1, 50)
