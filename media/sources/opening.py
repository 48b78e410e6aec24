"""Owns opening what libav reads, with named errors, and how long a file is."""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True)
class Extent:
    """Where a file lies in its own time, in seconds.

    Args:
        start: Time of its first frame.
        length: From there to the end of the last one.
    """

    start: Fraction
    length: Fraction


def error_of(where: str, error: Exception) -> SourceError:
    """The named error for one of libav or the system."""
    why = getattr(error, "strerror", None) or str(error)
    kind = MissingError if isinstance(error, _NOT_THERE) else UnreadableError
    return kind(where, why)


def open_input(
    where: str, *, container: str | None = None, options: Mapping[str, str] | None = None
) -> InputContainer:
    """Open a file or device.

    Args:
        where: Path or name.
        container: As libav names it; None to find out.
        options: Of libav for that.

    Raises:
        MissingError: It is not there, or not for us.
        UnreadableError: It is not what libav can read.
    """
    try:
        return av.open(where, format=container, options=dict(options or {}))
    except (OSError, ValueError, av.error.FFmpegError) as error:
        raise error_of(where, error) from error


def stream_of(container: InputContainer, kind: MediaKind) -> Stream | None:
    """The first stream of a kind; the cover of a record is no picture that moves."""
    streams = container.streams.audio if kind is MediaKind.AUDIO else container.streams.video
    return next((s for s in streams if not s.disposition & Disposition.attached_pic), None)


def extent_of(where: str) -> Extent:
    """Read a file's header; where that does not say how long it is, the whole file.

    Raises:
        MissingError: It is not there, or not for us.
        UnreadableError: It is not what libav can read, or there is neither sound nor picture.
    """
    with open_input(where) as container:
        if not any(stream_of(container, kind) for kind in MediaKind):
            raise UnreadableError(where, "there is neither sound nor picture in it")
        start = Fraction(container.start_time or 0, av.time_base)
        if container.duration:
            return Extent(start, Fraction(container.duration, av.time_base))
        end = start
        try:
            for packet in container.demux():
                if packet.pts is not None and packet.time_base is not None:
                    end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
        except av.error.FFmpegError as error:
            raise error_of(where, error) from error
        return Extent(start, end - start)
