"""Transforms of encoded frames by the program (W3C webrtc-encoded-transform)."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias

from peer.errors import ConfigurationError
from peer.values import dataclass

if TYPE_CHECKING:
    from peer.rtp_parameters import Codec


class CodedFrame(Protocol):
    """A whole encoded frame, as a transform sees it: an `EncodedFrame`, or a `FrameToSend`."""

    @property
    def codec(self) -> Codec:
        """The codec that was agreed on."""

    @property
    def payload(self) -> bytes:
        """The frame, in the form that `EncodedFrame` has."""

    @property
    def keyframe(self) -> bool:
        """True where it can be decoded by itself; always for audio."""


@dataclass(frozen=True, slots=True)
class FrameToSend:
    """A whole encoded frame before it is cut into packets.

    Args:
        codec: The agreed codec.
        payload: The frame, in the form that `EncodedFrame` has.
        keyframe: True where it can be decoded by itself; always for audio.
    """

    codec: Codec
    payload: bytes
    keyframe: bool


#: Returns what takes the place of a frame; None, or nothing, drops it.
FrameTransform: TypeAlias = Callable[[CodedFrame], bytes | None]


def check_transform(transform: FrameTransform | None) -> None:
    """Check that frames can be given to a transform.

    Raises:
        ConfigurationError: It is no function, or one that has to be awaited.
    """
    if transform is None:
        return
    given: object = transform
    if not callable(given) or inspect.iscoroutinefunction(given):
        raise ConfigurationError(
            f"a transform is a function that returns bytes or None, not {transform!r}"
        )


def transformed(transform: FrameTransform, frame: CodedFrame) -> bytes | None:
    """Return what takes the place of a frame; None where it is dropped.

    What the transform raises goes to the exception handler of the event loop, and drops the frame.
    """
    try:
        return transform(frame) or None
    except Exception as error:
        asyncio.get_running_loop().call_exception_handler(
            {"message": f"a transform of {frame.codec.mimeType} has failed", "exception": error}
        )
        return None
