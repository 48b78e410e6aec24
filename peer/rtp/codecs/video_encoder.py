"""Owns `VideoEncoder`: pictures in, encoded pictures out, at a bitrate that may change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.codecs.errors import EncodeError
from peer.rtp.codecs.installed import encoder_library

if TYPE_CHECKING:
    from av import VideoFrame

    from peer.rtp.codecs.encoded import EncodedPicture
    from peer.rtp_parameters import Codec

DEFAULT_BITRATE = 500_000
# Below this no picture is worth looking at; above, nothing is gained in a call.
MIN_BITRATE = 30_000
MAX_BITRATE = 20_000_000


class VideoEncoder:
    """Encodes one stream in real time: each picture comes out when it went in.

    The frames that it is given are never changed. A change of their size opens the library anew.

    Args:
        codec: As it was agreed.
        bitrate: In bits a second.

    Raises:
        EncodeError: No library here encodes it.
    """

    def __init__(self, codec: Codec, *, bitrate: int = DEFAULT_BITRATE) -> None:
        self._codec = codec
        library = encoder_library(codec.name)
        if library is None:
            raise EncodeError(f"nothing here encodes {codec.mimeType}")
        self._bitrate = bitrate
        self._library = library

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
        return 0

    def encode(self, frame: VideoFrame, *, keyframe: bool) -> list[EncodedPicture]:
        """One picture; none where it was left out to keep to the bitrate.

        Args:
            frame: With its `pts` and `time_base`.
            keyframe: Whether to make it one that can be decoded by itself.

        Raises:
            EncodeError: The library refused it. The next picture is a key frame.
        """
        raise NotImplementedError
