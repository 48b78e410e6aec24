"""Owns `EncodingSettings`: what decides whether two senders can share an encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.rtp_parameters import Codec

PAYLOAD_LIMIT = 1200


@dataclass(frozen=True, slots=True)
class EncodingSettings:
    """How a track is to be encoded and packetised.

    Args:
        codec: As it was agreed. Its payload type and feedback concern nobody here.
        scale_down_by: At least 1.0; width and height are divided by it.
        max_framerate: In pictures a second; None for all there are.
        payload_limit: The most octets of an RTP payload.

    Raises:
        ValueError: A number is out of its range.
    """

    codec: Codec
    scale_down_by: float = 1.0
    max_framerate: float | None = None
    payload_limit: int = PAYLOAD_LIMIT

    def __post_init__(self) -> None:
        if not self.scale_down_by >= 1.0:
            raise ValueError(f"scale_down_by must be at least 1.0, not {self.scale_down_by}")
        if self.max_framerate is not None and not self.max_framerate > 0:
            raise ValueError(f"max_framerate must be above 0, not {self.max_framerate}")
        if self.payload_limit < 64:
            raise ValueError(f"payload_limit must be at least 64, not {self.payload_limit}")

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for settings whose encoded frames are the same."""
        codec = self.codec
        return (
            codec.name.lower(),
            codec.clock_rate,
            codec.channels,
            frozenset((name.lower(), value) for name, value in codec.parameters),
            self.scale_down_by,
            self.max_framerate,
            self.payload_limit,
        )
