"""Owns the files of a recording: how they are named, and when the next one begins."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from media.recording.containers import Container
from media.recording.events import SegmentEnd

if TYPE_CHECKING:
    from peer import Codec

#: What a decoder finds in the frames themselves, whatever the file says.
_FOLLOWED = {
    Container.WEBM: {"vp8", "vp9"},
    Container.MATROSKA: {"vp8", "vp9"},
    Container.MP4: set[str](),
    Container.HLS: set[str](),
    Container.OGG: set[str](),
}


class FileNames:
    """The names of a series: by a template as `out-{n:03}.webm`, else `out.webm`, `out-2.webm`.

    A name that is made up here is passed over where something has it, lest one recording end
    another that is called nearly the same.

    Args:
        path: Of the first file, or the template; `n` counts from 1.
        anew: Whether what is at `path` is written over, where that is no template.

    Raises:
        ValueError: The template has other fields than `n`, or not this one, or is malformed.
    """

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
        """Of a file, from 1."""
        if self._template:
            return Path(self._path.format(n=number))
        first = Path(self._path)
        return first if number == 1 else first.with_stem(f"{first.stem}-{number}")

    def after(self, number: int) -> int:
        """Of the file to write after that of this number; after 0, of the first."""
        number += 1
        while os.path.lexists(self.name(number)) and not (self._anew and number == 1):
            number += 1
        return number


@dataclass(frozen=True, slots=True)
class SegmentRule:
    """When a file is long enough; it ends at the next key frame.

    Args:
        duration: In seconds; None for no limit.
        size: In octets; None for no limit.

    Raises:
        ValueError: One of them is not above 0: every frame would be a file of its own.
    """

    duration: float | None = None
    size: int | None = None

    def __post_init__(self) -> None:
        for limit, unit in ((self.duration, "seconds"), (self.size, "octets")):
            # Not `<= 0`, which is false of nan.
            if limit is not None and not limit > 0:
                raise ValueError(f"a file of {limit} {unit} holds nothing")

    def due(self, duration: float, size: int) -> SegmentEnd | None:
        """Why a file of so much is to end; None where it is not."""
        # A key frame is where it says, up to the ticks of a clock.
        if self.duration is not None and duration >= self.duration - 0.001:
            return SegmentEnd.DURATION
        if self.size is not None and size >= self.size:
            return SegmentEnd.SIZE
        return None


@dataclass(frozen=True, slots=True)
class Shape:
    """What a file says of a stream before its first frame.

    Args:
        codec: Of the stream.
        width: In pixels; None for sound, and where frames do not say.
        height: Likewise.
    """

    codec: Codec
    width: int | None = None
    height: int | None = None

    def follows(self, before: Shape, container: Container) -> bool:
        """Whether a stream of the file may go on with this."""
        if self.codec.name.lower() != before.codec.name.lower():
            return False
        if self.codec.clock_rate != before.codec.clock_rate:
            return False
        if (self.width, self.height) == (before.width, before.height) or self.width is None:
            return True
        return self.codec.name.lower() in _FOLLOWED[container]
