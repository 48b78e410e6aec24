"""Settings of an encoder; senders with equal settings share one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.values import dataclass

if TYPE_CHECKING:
    from peer.rtp_parameters import Codec

#: Octets of an RTP payload at most (libwebrtc: packets of 1200 octets).
PAYLOAD_LIMIT = 1200


@dataclass(frozen=True, slots=True)
class EncodingSettings:
    """The settings that a track is encoded and packetised with.

    Args:
        codec: Negotiated codec; its payload type and feedback do not matter here.
        scale_down_by: Divisor of width and height, at least 1.0.
        max_framerate: Highest frame rate in Hz; None for no limit.
        payload_limit: Octets of an RTP payload at most.
        copy: Number of an encoder of its own for settings that are equal else: two layers of one
            simulcast may differ in their bitrates alone.

    Raises:
        ValueError: A number is out of its range.
    """

    codec: Codec
    scale_down_by: float = 1.0
    max_framerate: float | None = None
    payload_limit: int = PAYLOAD_LIMIT
    copy: int = 0

    def __post_init__(self) -> None:
        if not self.scale_down_by >= 1.0:
            raise ValueError(f"scale_down_by must be at least 1.0, not {self.scale_down_by}")
        if self.max_framerate is not None and not self.max_framerate > 0:
            raise ValueError(f"max_framerate must be above 0, not {self.max_framerate}")
        if self.payload_limit < 64:
            raise ValueError(f"payload_limit must be at least 64, not {self.payload_limit}")

    @property
    def key(self) -> tuple[object, ...]:
        """A key that is equal for settings with the same encoded frames."""
        codec = self.codec
        return (
            codec.name.lower(),
            codec.clock_rate,
            codec.channels,
            frozenset((name.lower(), value) for name, value in codec.parameters),
            self.scale_down_by,
            self.max_framerate,
            self.payload_limit,
            self.copy,
        )
