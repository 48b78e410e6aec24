"""The protocol of RTP payload formats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class FrameShape:
    """The properties that an encoded frame says in its headers.

    Args:
        keyframe: True where it can be decoded by itself; always for audio.
        width: In pixels; None where the frame does not say it.
        height: In pixels; None where the frame does not say it.
    """

    keyframe: bool
    width: int | None = None
    height: int | None = None


class PayloadFormat(Protocol):
    """Makes RTP payloads of the frames of one codec, and frames of payloads.

    One instance serves one stream in one direction, as it keeps state: the picture ids of sent VP8
    and VP9, the parameter sets of received H.264.
    """

    @property
    def packet_is_frame(self) -> bool:
        """True where each packet is a frame, regardless of timestamp and marker."""
        ...

    def packetize(self, frame: bytes, *, keyframe: bool, limit: int) -> list[bytes]:
        """Divide a frame into payloads, in their order; the last one gets the marker.

        An empty frame makes no payloads.

        Args:
            frame: A whole frame, as `EncodedFrame.payload` says.
            keyframe: True where it can be decoded by itself.
            limit: Largest payload in bytes, at least 64. Audio is never divided.

        Raises:
            MalformedError: It is not a frame of this codec.
        """
        ...

    def is_keyframe_start(self, payload: bytes) -> bool:
        """True where a payload looks like the beginning of a key frame.

        It is False for a key frame that opens with a payload of something optional; `describe` is
        right about the whole frame.
        """
        ...

    def assemble(self, payloads: Sequence[bytes]) -> bytes:
        """Join all payloads of one timestamp, in their order, to the whole frame.

        Raises:
            MalformedError: They make no frame: one is truncated, missing or of another format.
        """
        ...

    def describe(self, frame: bytes) -> FrameShape:
        """Read the headers of a whole frame; never raises: a broken frame is no key frame."""
        ...
