"""Opening of files and devices by libav, with named errors, and the length of files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.stream import Disposition

from media.sources.errors import MissingError, SourceError, UnreadableError
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from av.container import InputContainer
    from av.stream import Stream

_NOT_THERE = (
    av.error.FileNotFoundError,
    av.error.PermissionError,
    av.error.IsADirectoryError,
    FileNotFoundError,
    PermissionError,
    IsADirectoryError,
)


#: libav's formats whose files begin without saying how long they are, or say it of the first of
#: several that were joined (MP3). libav guesses by the bit rate of the first frames instead.
_GUESSED = frozenset({"aac", "ac3", "dts", "dtshd", "eac3", "loas", "mlp", "mp3", "truehd"})


@dataclass(frozen=True, slots=True)
class Extent:
    """Start and length of a file on its own timeline, in seconds.

    Args:
        start: Time of the first frame.
        length: Time from there to the end of the last frame; None where only the end of the file
            will tell.
    """

    start: Fraction
    length: Fraction | None


def error_of(where: str, error: Exception) -> SourceError:
    """Make the named error for an error of libav or the system."""
    why = getattr(error, "strerror", None) or str(error)
    kind = MissingError if isinstance(error, _NOT_THERE) else UnreadableError
    return kind(where, why=why)


def open_input(
    where: str, *, container: str | None = None, options: Mapping[str, str] | None = None
) -> InputContainer:
    """Open a file or device by libav.

    Args:
        where: Path of the file, or name of the device.
        container: libav's name of the format; None to detect it.
        options: libav's options for the format.

    Raises:
        MissingError: The file or device does not exist, or access is denied.
        UnreadableError: libav cannot read it.
    """
    try:
        return av.open(where, format=container, options=dict(options or {}))
    except (OSError, ValueError, av.error.FFmpegError) as error:
        raise error_of(where, error) from error


def stream_of(container: InputContainer, kind: MediaKind) -> Stream | None:
    """Return the first stream of a kind; cover art does not count as video."""
    streams = container.streams.audio if kind is MediaKind.AUDIO else container.streams.video
    return next((s for s in streams if not s.disposition & Disposition.attached_pic), None)


def extent_of(where: str, *, options: Mapping[str, str] | None = None) -> Extent:
    """Return start and length of a file, by its header, or by all packets where that says nothing.

    A length that libav would guess by the bit rate is None where all packets would have to come
    over a network first.

    Args:
        where: Path or address of the file.
        options: libav's options for the format.

    Raises:
        MissingError: The file does not exist, or access is denied.
        UnreadableError: libav cannot read the file, or it has neither audio nor video.
    """
    with open_input(where, options=options) as container:
        if not any(stream_of(container, kind) for kind in MediaKind):
            raise UnreadableError(where, why="there is neither sound nor picture in it")
        start = Fraction(container.start_time or 0, av.time_base)
        if container.format.name not in _GUESSED and container.duration:
            return Extent(start, Fraction(container.duration, av.time_base))
        if container.format.name in _GUESSED and not os.path.isfile(where):
            return Extent(start, None)
        end = start
        try:
            for packet in container.demux():
                if packet.pts is not None and packet.time_base is not None:
                    end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
        except av.error.FFmpegError as error:
            raise error_of(where, error) from error
        return Extent(start, end - start)
