"""Opening of files and devices by libav, with named errors, and the length of files."""

from __future__ import annotations

import os
import re
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.stream import Disposition

from media.sources.errors import LiveError, MissingError, SourceError, UnreadableError
from peer.rtp_parameters import MediaKind
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from av.container import InputContainer
    from av.stream import Stream

    from peer.times import Seconds

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


_LIVE = "it is live, which LiveSource plays, and no file"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
#: Seconds that an address may take to open, and for each further read (ours).
TIMEOUT = 20.0
#: Protocols of libav that carry what is sent just now, or to one receiver once.
_LIVE_SCHEMES = frozenset(
    {"rtmp", "rtmps", "rtp", "rtsp", "rtsps", "sctp", "srt", "srtp", "tcp", "tls", "udp", "unix"}
    | {"pipe", "fd", "rist", "mmsh", "mmst", "rtmpt", "rtmpe", "rtmpte", "rtmpts", "udplite"}
)
#: libav's formats of which a length of 0 says that more is to come.
SEGMENTED = frozenset({"dash", "hls"})


def error_of(where: str, error: Exception) -> SourceError:
    """Make the named error for an error of libav or the system."""
    if isinstance(error, av.error.ExitError):
        return UnreadableError(where, why="nothing came in time")
    why = getattr(error, "strerror", None) or str(error)
    kind = MissingError if isinstance(error, _NOT_THERE) else UnreadableError
    return kind(where, why=why)


def open_input(
    where: str,
    *,
    container: str | None = None,
    options: Mapping[str, str] | None = None,
    timeout: Seconds | None = None,
) -> InputContainer:
    """Open a file, device or address by libav.

    Args:
        where: Path of the file, or name of the device.
        container: libav's name of the format; None to detect it.
        options: libav's options for the format.
        timeout: Seconds to open it, and for each read; None for `TIMEOUT` where it is an address.

    Raises:
        MissingError: The file or device does not exist, or access is denied.
        UnreadableError: libav cannot read it.
    """
    if timeout is None and scheme_of(where) is not None:
        timeout = TIMEOUT
    try:
        return av.open(where, format=container, options=dict(options or {}), timeout=timeout)
    except (OSError, ValueError, av.error.FFmpegError) as error:
        raise error_of(where, error) from error


def stream_of(container: InputContainer, kind: MediaKind) -> Stream | None:
    """Return the first stream of a kind; cover art does not count as video."""
    streams = container.streams.audio if kind is MediaKind.AUDIO else container.streams.video
    return next((s for s in streams if not s.disposition & Disposition.attached_pic), None)


def scheme_of(where: str) -> str | None:
    """Return the scheme of an address in lower case; None for a path."""
    found = _SCHEME.match(where)
    return None if found is None or os.path.exists(where) else found[1].lower()


def is_live_by_name(where: str) -> bool:
    """Tell if a name says that it is no file: a live protocol, a pipe, a socket, a device."""
    scheme = scheme_of(where)
    if scheme is not None:
        return scheme in _LIVE_SCHEMES
    return os.path.exists(where) and not os.path.isfile(where) and not os.path.isdir(where)


def extent_of(
    where: str, *, container: str | None = None, options: Mapping[str, str] | None = None
) -> Extent:
    """Return start and length of a file, by its header, or by all packets where that says nothing.

    A length that libav would guess by the bit rate is None where all packets would have to come
    over a network first.

    Args:
        where: Path or address of the file.
        container: libav's name of the format; None to detect it.
        options: libav's options for the format.

    Raises:
        MissingError: The file does not exist, or access is denied.
        UnreadableError: libav cannot read the file, or it has neither audio nor video.
        LiveError: It is no file: it has no end yet, or cannot be opened twice.
    """
    if is_live_by_name(where):
        raise LiveError(where, why=_LIVE)
    with open_input(where, container=container, options=options) as opened:
        if not any(stream_of(opened, kind) for kind in MediaKind):
            raise UnreadableError(where, why="there is neither sound nor picture in it")
        guessed = opened.format.name in _GUESSED
        start = Fraction(opened.start_time or 0, av.time_base)
        if opened.duration and not guessed:
            return Extent(start, Fraction(opened.duration, av.time_base))
        if not os.path.isfile(where):
            if opened.format.name in SEGMENTED or opened.size <= 0:
                raise LiveError(where, why=_LIVE)
            if guessed:
                return Extent(start, None)
        end = start
        try:
            for packet in opened.demux():
                if packet.pts is not None and packet.time_base is not None:
                    end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
        except av.error.FFmpegError as error:
            raise error_of(where, error) from error
        return Extent(start, end - start)
