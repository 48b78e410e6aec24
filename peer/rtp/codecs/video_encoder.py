"""Owns `VideoEncoder`: pictures in, encoded pictures out, at a bitrate that may change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from av.error import FFmpegError
from av.video.frame import PictureType

from peer.rtp.codecs.encoded import EncodedPicture
from peer.rtp.codecs.errors import EncodeError
from peer.rtp.codecs.installed import encoder_library
from peer.rtp.codecs.picture_shape import PictureShaper, target_size
from peer.rtp.codecs.picture_time import PictureTime
from peer.rtp.codecs.rate import FRAMERATE
from peer.rtp.codecs.video_libraries import LIBRARIES, TIME_BASE, open_encoder
from peer.rtp.frame_time import time_base_of

if TYPE_CHECKING:
    from fractions import Fraction

    from av import VideoCodecContext, VideoFrame

    from peer.rtp_parameters import Codec

DEFAULT_BITRATE = 500_000
# Below this no picture is worth looking at; above, nothing is gained in a call.
MIN_BITRATE = 30_000
MAX_BITRATE = 20_000_000
# An OBU of type 2, with its size, which is 0 (AV1 section 5.6): it does not travel in RTP.
_TEMPORAL_DELIMITER = b"\x12\x00"


class VideoEncoder:
    """Encodes one stream in real time: each picture comes out when it went in.

    The frames that it is given are never changed. A change of their size opens the library anew.

    Args:
        codec: As it was agreed.
        bitrate: In bits a second.
        scale_down_by: Width and height are divided by it; at least 1.0.
        framerate: The pictures a second to expect until more is known.

    Raises:
        EncodeError: No library here encodes it.
    """

    def __init__(
        self,
        codec: Codec,
        *,
        bitrate: int = DEFAULT_BITRATE,
        scale_down_by: float = 1.0,
        framerate: float = FRAMERATE,
    ) -> None:
        name = encoder_library(codec.name)
        if name is None or name not in LIBRARIES:
            raise EncodeError(f"nothing here encodes {codec.mimeType}")
        self._codec = codec
        self._name = name
        self._scale_down_by = scale_down_by
        self._context: VideoCodecContext | None = None
        self._rate = LIBRARIES[name].rate_control()
        self._shaper = PictureShaper()
        self._time = PictureTime(1 / framerate)
        # Of the library, which is not always that of the pictures: seconds.
        self._library_time = 0.0
        self._opened = 0
        self._bitrate = DEFAULT_BITRATE
        self.bitrate = bitrate

    @property
    def codec(self) -> Codec:
        """What it encodes for."""
        return self._codec

    @property
    def bitrate(self) -> int:
        """The bits a second to aim at; holds from the next picture on."""
        return self._bitrate

    @bitrate.setter
    def bitrate(self, bitrate: int) -> None:
        self._bitrate = max(MIN_BITRATE, min(bitrate, MAX_BITRATE))

    @property
    def opened(self) -> int:
        """How often the library was opened; each time cost a key frame."""
        return self._opened

    def encode(self, frame: VideoFrame, *, keyframe: bool) -> list[EncodedPicture]:
        """One picture; none where it was left out to keep to the bitrate.

        Args:
            frame: With its `pts` and `time_base`.
            keyframe: Whether to make it one that can be decoded by itself.

        Raises:
            EncodeError: The library refused it. The next picture is a key frame.
        """
        base = time_base_of(frame) or TIME_BASE
        interval = self._time.advance(None if frame.pts is None else frame.pts * base)
        try:
            return self._encode(frame, interval, base, keyframe=keyframe)
        except (FFmpegError, ValueError) as error:
            self._context = None
            raise EncodeError(f"{self._codec.mimeType}: {error}") from error

    def _encode(
        self, frame: VideoFrame, interval: float, base: Fraction, *, keyframe: bool
    ) -> list[EncodedPicture]:
        size = target_size(
            frame.width, frame.height, LIBRARIES[self._name].size, self._scale_down_by
        )
        context = self._context
        fresh = (
            context is None
            or (context.width, context.height) != size
            or self._rate.stale(self._bitrate, self._time.mean, keyframe=keyframe)
        )
        if context is None or fresh:
            context = self._open(*size)
        step = self._rate.step(self._bitrate, interval, self._time.mean)
        self._library_time += step.advance
        if step.leave_out and not keyframe and not fresh:
            return []
        if step.bit_rate is not None:
            context.bit_rate = step.bit_rate
        picture = self._shaper.shape(frame, *size)
        picture.pts = round(self._library_time / TIME_BASE)
        picture.time_base = TIME_BASE
        picture.pict_type = PictureType.I if keyframe or fresh else PictureType.NONE
        packets = context.encode(picture)
        payload = b"".join(bytes(packet) for packet in packets)
        if self._name == "libsvtav1":
            payload = payload.removeprefix(_TEMPORAL_DELIMITER)
        if not payload:
            return []
        made = EncodedPicture(
            payload=payload,
            keyframe=any(packet.is_keyframe for packet in packets),
            pts=frame.pts or 0,
            time_base=base,
            width=size[0],
            height=size[1],
        )
        return [made]

    def _open(self, width: int, height: int) -> VideoCodecContext:
        self._opened += 1
        self._context = open_encoder(
            self._name,
            width=width,
            height=height,
            bitrate=self._rate.opened(self._bitrate, self._time.mean),
            # RFC 6184 section 6.2: without mode 1 there are no fragments.
            undivided=self._codec.parameter("packetization-mode") != "1",
        )
        return self._context
