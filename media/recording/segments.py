"""Names and limits of the files of a recording, and the form of their streams."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from media.recording.atomic_file import AtomicFile
from media.recording.containers import Container
from media.recording.events import SegmentEnd
from peer.rtp.encoding.passthrough import same_stream_format
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from media.recording.destination import Sink
    from peer import Codec

# Codecs whose decoders take the video size from the frames, whatever a file's header says: by the
# players of docs/RECORDING.md.
_FOLLOWED = frozenset({"vp8", "vp9", "av1"})
# Those with parameter sets, which are in the header and, in Matroska, in key frames as well. The
# sample entries `avc1` and `hvc1` of MP4 have them in the header alone (ISO/IEC 14496-15 section
# 5.3.3): browsers and FFmpeg take others from the samples, and nobody has tried Apple's players.
_FOLLOWED_IN_MATROSKA = frozenset({"h264", "h265"})


class FileNames:
    """Names and opens the files of a series, by a template or as `out.webm`, `out-2.webm`.

    Existing names are skipped, so that a recording does not overwrite another of a similar name.

    Args:
        path: Path of the first file, or the template; `n` counts from 1.
        anew: True to overwrite the file at `path`, where that is no template.

    Raises:
        ValueError: The template has another field than `n`, or lacks it, or is malformed.
    """

    goes_on = True

    def __init__(self, path: str | Path, *, anew: bool = True) -> None:
        self._path = str(path)
        self._template = "{" in self._path
        self._anew = anew and not self._template
        try:
            same = self.name(1) == self.name(2)
        except (KeyError, IndexError) as error:
            raise ValueError(f"a name of files has no field but n: {self._path}") from error
        if same:
            raise ValueError(f"all files would have one name, without the field n: {self._path}")

    def name(self, number: int) -> Path:
        """Return the path of a file by its number, from 1."""
        if self._template:
            return Path(self._path.format(n=number))
        first = Path(self._path)
        return first if number == 1 else first.with_stem(f"{first.stem}-{number}")

    def after(self, number: int) -> int:
        """Return the number of the file to write after a number; after 0, of the first."""
        number += 1
        while os.path.lexists(self.name(number)) and not (self._anew and number == 1):
            number += 1
        return number

    def url(self, number: int) -> str | None:
        """Return None, as the path says all."""

    def open(self, path: Path, placeholder_of: Callable[[int], bytes]) -> Sink:
        """Open a file of the series.

        Raises:
            RecordingError: The file cannot be created.
        """
        return AtomicFile(path, placeholder_of)


@dataclass(frozen=True, slots=True)
class SegmentRule:
    """Limits of a file, which ends at the first key frame beyond one.

    Args:
        duration: Duration in seconds; None for no limit.
        size: Size in bytes; None for no limit.

    Raises:
        ValueError: A limit is not above 0: every frame would be a file of its own.
    """

    duration: float | None = None
    size: int | None = None

    def __post_init__(self) -> None:
        for limit, unit in ((self.duration, "seconds"), (self.size, "octets")):
            # Not `<= 0`, which is false of nan.
            if limit is not None and not limit > 0:
                raise ValueError(f"a file of {limit} {unit} holds nothing")

    def due(self, duration: float, size: int) -> SegmentEnd | None:
        """Return the limit that a file has reached; None below both."""
        # A key frame may be early by some ticks of the clock.
        if self.duration is not None and duration >= self.duration - 0.001:
            return SegmentEnd.DURATION
        if self.size is not None and size >= self.size:
            return SegmentEnd.SIZE
        return None


@dataclass(frozen=True, slots=True)
class Shape:
    """Form of a stream, as a file's header describes it.

    Args:
        codec: Codec of the stream.
        width: Width in pixels; None for audio, and where frames do not tell.
        height: Height in pixels, or None as for `width`.
    """

    codec: Codec
    width: int | None = None
    height: int | None = None

    def follows(self, before: Shape, container: Container) -> bool:
        """Tell if a stream of another form may go on with this one in a file of a container."""
        if not same_stream_format(self.codec, before.codec):
            return False
        if (self.width, self.height) == (before.width, before.height) or self.width is None:
            return True
        name = self.codec.name.lower()
        if container is Container.MATROSKA and name in _FOLLOWED_IN_MATROSKA:
            return True
        return name in _FOLLOWED
