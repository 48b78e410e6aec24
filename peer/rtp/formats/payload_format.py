"""The protocol of RTP payload formats."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

from peer.values import dataclass

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


class Begins(Enum):
    """The part of an access unit that begins in a payload of NAL units.

    Source: ITU-T H.264 section 7.4.1.2.3, ITU-T H.265 section 7.4.2.4.4.
    """

    #: Nothing: it is the middle or the end of a NAL unit.
    NOTHING = auto()
    #: What stands before a picture: a delimiter, parameter sets, SEI.
    HEAD = auto()
    #: The first slice of a picture, with or without what stands before it.
    PICTURE = auto()
    #: A slice that is not the first by its number, which mostly is of the same picture.
    SLICE = auto()
    #: What belongs to the picture before it: filler, the end of a sequence, enhancement layers.
    TRAILER = auto()


class NalUnitFormat(PayloadFormat, Protocol):
    """A payload format of NAL units, whose access units are told apart by their slices."""

    def begins(self, payload: bytes) -> Begins:
        """Tell what begins in a payload; a malformed one counts as a picture."""
        ...

    def same_picture(self, *, first: bytes, other: bytes) -> bool | None:
        """Tell whether the slices that begin in two payloads are of one picture.

        None where it cannot be told, as parameter sets are missing.

        Args:
            first: A payload in which the first slice of a picture begins.
            other: A later payload in which a slice begins.
        """
        ...

    def reorder_depth(self, frame: bytes) -> int | None:
        """The most pictures that come before one that is shown earlier.

        None where the parameter sets of the access unit do not say it.
        """
        ...

    def learn(self, payloads: Sequence[bytes]) -> None:
        """Keep the parameter sets among payloads that make no access unit, or none yet."""
        ...
