"""Owns the table of containers: which codec goes into which as it is, and what else becomes."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from peer.rtp_parameters import Codec


class Container(Enum):
    """A kind of file; the value is what a program names it.

    All of them follow a change of the size of pictures. None follows a change of codec, or takes a
    stream that it was not told of at the start.
    """

    #: Fragmented (ISO/IEC 14496-12).
    MP4 = "mp4"
    WEBM = "webm"
    MATROSKA = "matroska"
    OGG = "ogg"
    #: A fragmented MP4 with a playlist of its fragments (RFC 8216).
    HLS = "hls"

    @classmethod
    def of(cls, path: str | Path, name: str | None = None) -> Container:
        """By the name of a format where one is given, else by the file's suffix.

        Raises:
            ValueError: Nothing is known by that name or suffix.
        """
        key = Path(path).suffix if name is None else f".{name}"
        try:
            return _NAMES[key.lower()]
        except KeyError:
            known = " ".join(sorted(_NAMES))
            raise ValueError(f"no container is known by {key!r}; there are {known}") from None

    @property
    def suffix(self) -> str:
        """The usual one, with its dot."""
        return _SUFFIXES[self]

    @property
    def holds_video(self) -> bool:
        """Whether there can be pictures in it at all."""
        return transcoded_to(self, MediaKind.VIDEO) is not None


_SUFFIXES = {
    Container.MP4: ".mp4",
    Container.WEBM: ".webm",
    Container.MATROSKA: ".mkv",
    Container.OGG: ".ogg",
    Container.HLS: ".m3u8",
}
_NAMES = {
    **{suffix: container for container, suffix in _SUFFIXES.items()},
    **{f".{container.value}": container for container in Container},
    ".m4a": Container.MP4,
    ".mka": Container.MATROSKA,
    ".oga": Container.OGG,
    ".opus": Container.OGG,
}

_PASSING = {
    Container.MP4: {"opus", "vp9", "h264", "av1"},
    Container.WEBM: {"opus", "vp8", "vp9", "av1"},
    Container.MATROSKA: {"opus", "pcmu", "pcma", "g722", "vp8", "vp9", "h264", "av1"},
    Container.OGG: {"opus"},
    Container.HLS: {"opus", "vp9", "h264", "av1"},
}
_PICTURES = {
    Container.MP4: "H264",
    Container.WEBM: "VP8",
    Container.MATROSKA: "VP8",
    Container.OGG: None,
    Container.HLS: "H264",
}


def passes(container: Container, codec: Codec) -> bool:
    """Whether frames of the codec go into the container as they are."""
    return codec.name.lower() in _PASSING[container]


def transcoded_to(container: Container, kind: MediaKind) -> str | None:
    """What becomes of a codec that does not pass; None where the container has no such kind."""
    return "opus" if kind is MediaKind.AUDIO else _PICTURES[container]
