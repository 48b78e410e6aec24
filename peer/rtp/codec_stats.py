"""The `codec` entry of statistics (W3C webrtc-stats section 8.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.statistics_entry import StatsEntry
from peer.values import dataclass

if TYPE_CHECKING:
    from peer.rtp_parameters import Codec


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecStats(StatsEntry):
    """A codec that a stream uses (RTCCodecStats).

    Args:
        payloadType: 0 to 127.
        mimeType: For example `video/VP8`.
        clockRate: In Hz.
        channels: Channels of audio; None for video.
        sdpFmtpLine: Parameters as in `a=fmtp`; empty where there are none.
        transportId: Id of the `transport` entry, in the statistics of a connection; else None.
    """

    payloadType: int
    mimeType: str
    clockRate: int
    channels: int | None
    sdpFmtpLine: str
    transportId: str | None = None


def codec_stats(codec: Codec, *, mid: str, direction: str, timestamp: float) -> CodecStats:
    """Make the entry of a codec for one direction of one m-section.

    Args:
        codec: Codec of the stream.
        mid: MID of the m-section.
        direction: `inbound` or `outbound`.
        timestamp: Milliseconds since 1970.
    """
    return CodecStats(
        id=f"codec-{direction}-{mid}-{codec.payload_type}",
        type="codec",
        timestamp=timestamp,
        payloadType=codec.payload_type,
        mimeType=codec.mimeType,
        clockRate=codec.clock_rate,
        channels=codec.channels,
        sdpFmtpLine=";".join(
            name if value is None else f"{name}={value}" for name, value in codec.parameters
        ),
    )
