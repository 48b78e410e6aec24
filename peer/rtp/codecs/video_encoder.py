"""Encodes video frames in real time, at a bitrate that may change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from av.error import FFmpegError
from av.video.frame import PictureType

from peer.h264_profile import H264Profile, ProfileLevelId
from peer.rtp.codecs.encoded import EncodedVideoFrame
from peer.rtp.codecs.errors import EncodeError
from peer.rtp.codecs.frame_interval import FrameIntervalEstimator
from peer.rtp.codecs.installed import can_encode, encoder_library
from peer.rtp.codecs.rate_control import FRAMERATE
from peer.rtp.codecs.video_libraries import H264_PROFILES, LIBRARIES, TIME_BASE, open_encoder
from peer.rtp.codecs.video_scaler import VideoScaler, target_size
from peer.rtp.frame_time import time_base_of

if TYPE_CHECKING:
    from fractions import Fraction

    from av import VideoCodecContext, VideoFrame

    from peer.rtp_parameters import Codec
    from peer.times import Seconds

#: Bitrate in bits/s before one is set (ours).
DEFAULT_BITRATE = 500_000
#: Least bitrate in bits/s (ours): below, video is of no use.
MIN_BITRATE = 30_000
#: Highest bitrate in bits/s (ours): above, nothing is gained in a call.
MAX_BITRATE = 20_000_000
# An OBU of type 2 with its size, 0 (AV1 section 5.6): it is not sent in RTP.
_TEMPORAL_DELIMITER = b"\x12\x00"


class VideoEncoder:
    """Encodes one video stream in real time, without delay.

    Frames are never changed. A change of their size opens the library's encoder anew.

    Args:
        codec: Negotiated codec.
        bitrate: Target bitrate in bits/s.
        scale_down_by: Divisor of width and height, at least 1.0.
        framerate: Frame rate in Hz to expect until frames have come.

    Raises:
        EncodeError: No installed library encodes the codec.
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
        if not can_encode(codec):
            raise EncodeError(f"nothing here encodes this profile of {codec.mimeType}")
        self._codec = codec
        self._name = name
        self._scale_down_by = scale_down_by
        self._context: VideoCodecContext | None = None
        self._h264_profile = H264Profile.CONSTRAINED_BASELINE
        profile_level_id = ProfileLevelId.parse(codec.parameter("profile-level-id"))
        if profile_level_id is not None and profile_level_id.profile in H264_PROFILES:
            self._h264_profile = profile_level_id.profile
        self._rate = LIBRARIES[name].rate_control()
        self._scaler = VideoScaler()
        self._intervals = FrameIntervalEstimator(1 / framerate)
        # Time of the library, which is not always that of the frames.
        self._library_time: Seconds = 0.0
        self._opened = 0
        self._bitrate = DEFAULT_BITRATE
        self.bitrate = bitrate

    def __repr__(self) -> str:
        """Show the library, the size, the bitrate in bits/s, and how often it was opened."""
        context = self._context
        size = "not open" if context is None else f"{context.width}x{context.height}"
        return f"<VideoEncoder {self._name} {size} bitrate={self._bitrate} opened={self._opened}>"

    @property
    def bitrate(self) -> int:
        """The target bitrate in bits/s, from the next frame on."""
        return self._bitrate

    @bitrate.setter
    def bitrate(self, bitrate: int) -> None:
        self._bitrate = max(MIN_BITRATE, min(bitrate, MAX_BITRATE))

    @property
    def opened(self) -> int:
        """The number of times that the library was opened; each cost a keyframe."""
        return self._opened

    def encode(self, frame: VideoFrame, *, keyframe: bool) -> list[EncodedVideoFrame]:
        """Encode a frame to one frame, or to none where it is dropped to keep to the bitrate.

        Args:
            frame: Frame with its `pts` and `time_base`.
            keyframe: Whether to make a keyframe.

        Raises:
            EncodeError: The library refused the frame. The next one becomes a keyframe.
        """
        base = time_base_of(frame) or TIME_BASE
        interval = self._intervals.advance(None if frame.pts is None else frame.pts * base)
        try:
            return self._encode(frame, base, interval=interval, keyframe=keyframe)
        except (FFmpegError, ValueError) as error:
            self._context = None
            raise EncodeError(f"{self._codec.mimeType}: {error}") from error

    def _encode(
        self, frame: VideoFrame, base: Fraction, *, interval: Seconds, keyframe: bool
    ) -> list[EncodedVideoFrame]:
        width, height = target_size(
            width=frame.width,
            height=frame.height,
            rule=LIBRARIES[self._name].size,
            scale_down_by=self._scale_down_by,
        )
        context = self._context
        fresh = (
            context is None
            or (context.width, context.height) != (width, height)
            or self._rate.should_reopen(self._bitrate, self._intervals.mean, keyframe=keyframe)
        )
        if context is None or fresh:
            context = self._open(width=width, height=height)
        step = self._rate.on_frame(
            self._bitrate, interval=interval, mean_interval=self._intervals.mean
        )
        self._library_time += step.advance
        if step.drop and not keyframe and not fresh:
            return []
        if step.bit_rate is not None:
            context.bit_rate = step.bit_rate
        scaled = self._scaler.scale(frame, width=width, height=height)
        scaled.pts = round(self._library_time / TIME_BASE)
        scaled.time_base = TIME_BASE
        scaled.pict_type = PictureType.I if keyframe or fresh else PictureType.NONE
        packets = context.encode(scaled)
        payload = b"".join(bytes(packet) for packet in packets)
        if self._name == "libsvtav1":
            payload = payload.removeprefix(_TEMPORAL_DELIMITER)
        if not payload:
            return []
        encoded = EncodedVideoFrame(
            payload=payload,
            keyframe=any(packet.is_keyframe for packet in packets),
            pts=frame.pts or 0,
            time_base=base,
            width=width,
            height=height,
        )
        return [encoded]

    def _open(self, *, width: int, height: int) -> VideoCodecContext:
        self._opened += 1
        self._context = open_encoder(
            self._name,
            width=width,
            height=height,
            bitrate=self._rate.on_open(self._bitrate, self._intervals.mean),
            # RFC 6184 section 6.2: without mode 1 there are no fragmentation units.
            small_slices=self._codec.parameter("packetization-mode") != "1",
            profile=self._h264_profile,
        )
        return self._context
