"""Containers, the codecs that each takes, and the codec to transcode others to."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from peer.rtp_parameters import Codec


class Container(Enum):
    """Container formats, whose values are the names that programs use.

    All of them follow a change of the video size. None follows a change of codec. Some take a
    stream that its header lacks, where room for it was kept there.
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
        """Return the container of a format name, or of a file's suffix without one.

        Raises:
            ValueError: The name or suffix is unknown.
        """
        key = Path(path).suffix if name is None else f".{name}"
        try:
            return _NAMES[key.lower()]
        except KeyError:
            known = " ".join(sorted(_NAMES))
            raise ValueError(f"no container is known by {key!r}; there are {known}") from None

    @property
    def suffix(self) -> str:
        """The usual suffix, with the dot."""
        return _SUFFIXES[self]

    @property
    def keeps_room(self) -> bool:
        """True if the header of a file can get a stream more while the file is written.

        Pages of Ogg have no such header. Who watches HLS has read its header before.
        """
        return self in (Container.MP4, Container.WEBM, Container.MATROSKA)

    @property
    def holds_video(self) -> bool:
        """True if the container takes video."""
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
    Container.MP4: {"opus", "vp9", "h264", "h265", "av1"},
    Container.WEBM: {"opus", "vp8", "vp9", "av1"},
    Container.MATROSKA: {"opus", "pcmu", "pcma", "g722", "vp8", "vp9", "h264", "h265", "av1"},
    Container.OGG: {"opus"},
    Container.HLS: {"opus", "vp9", "h264", "h265", "av1"},
}
_PICTURES = {
    Container.MP4: "H264",
    Container.WEBM: "VP8",
    Container.MATROSKA: "VP8",
    Container.OGG: None,
    Container.HLS: "H264",
}


def passes(container: Container, codec: Codec) -> bool:
    """Tell if a container takes frames of a codec without transcoding."""
    return codec.name.lower() in _PASSING[container]


def transcoded_to(container: Container, kind: MediaKind) -> str | None:
    """Return the codec to transcode a kind of media to; None where the container takes none."""
    return "opus" if kind is MediaKind.AUDIO else _PICTURES[container]
