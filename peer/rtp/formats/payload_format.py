"""Owns `PayloadFormat`: what a payload format of RTP says about frames and packets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class FrameShape:
    """What an encoded frame says of itself.

    Args:
        keyframe: Whether it can be decoded by itself; always true for sound.
        width: In pixels, where the frame says so; else None.
        height: In pixels, where the frame says so; else None.
    """

    keyframe: bool
    width: int | None = None
    height: int | None = None


class PayloadFormat(Protocol):
    """How one codec's frames become payloads of RTP packets, and frames again.

    One instance serves one stream in one direction: what counts on from frame to frame when
    sending (the picture id of VP8 and VP9) is kept in it. Reading keeps nothing.
    """

    @property
    def packet_is_frame(self) -> bool:
        """Whether each packet is a frame of its own, whatever its timestamp and marker say."""
        ...

    def packetize(self, frame: bytes, *, keyframe: bool, limit: int) -> list[bytes]:
        """The payloads of a frame in their order; the last one gets the marker.

        Nothing comes of a frame with nothing in it.

        Args:
            frame: A whole one, as `EncodedFrame.payload` says.
            keyframe: Whether it can be decoded by itself.
            limit: The most octets of a payload, 64 at least. Sound is never divided.

        Raises:
            MalformedError: It is not a frame of this codec.
        """
        ...

    def is_keyframe_start(self, payload: bytes) -> bool:
        """Whether a packet begins a frame that can be decoded by itself.

        False is not the last word where the key frame opens with a packet of something optional;
        `describe` is right about the whole frame.
        """
        ...

    def assemble(self, payloads: Sequence[bytes]) -> bytes:
        """The whole frame of all the payloads of one timestamp, in their order.

        Raises:
            MalformedError: They make no frame; one is truncated, missing or of another format.
        """
        ...

    def describe(self, frame: bytes) -> FrameShape:
        """What a whole frame says of itself. Never raises: what makes no sense is no key frame."""
        ...
