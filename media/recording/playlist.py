"""HLS playlist of the fragments of an MP4 file (RFC 8216)."""

from __future__ import annotations

import math
import os
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from media.recording.destination import Sink
    from media.recording.fragments import Fragment

#: Longest duration of a segment in seconds, rounded (RFC 8216 section 4.3.3.1), unless one becomes
#: longer; a player waits as long before it reloads (ours).
TARGET_SECONDS = 4
#: Seconds from which a segment ends at a key frame, which may be early, and at any picture (ours).
_SHORTEST, _LONGEST = Fraction(19, 10), Fraction(12)
_END = b"#EXT-X-ENDLIST\n"


class Playlist:
    """Lists the fragments of an MP4 file as segments of an HLS playlist (RFC 8216).

    Segments are byte ranges of one media file, so that a recording is two files. Each begins with a
    key frame where these come often enough, as a player can begin nowhere else. The last one grows
    by each fragment until the next one begins: a camera that stops makes it long, as the picture
    stays. The playlist has an end tag at every moment: players take one without for a broadcast,
    and begin near its end.

    Args:
        sink: The playlist file.
        media: The file of the fragments, in the same folder.
        size: Bytes of that file before its fragments.

    Raises:
        RecordingError: The playlist cannot be written.
    """

    def __init__(self, sink: Sink, media: Path, size: int) -> None:
        self._sink = sink
        self._name = media.name
        self._target = 0
        # Where the segment begins: in the playlist, in the media, and in time.
        self._line = 0
        self._place = size
        self._start = Fraction(0)
        self._end = Fraction(0)
        # RFC 8216 section 7: a map in a playlist of whole frames wants version 6; fMP4 wants 7.
        sink.write(b"#EXTM3U\n#EXT-X-VERSION:7\n")
        self._target_at = sink.tell()
        sink.write(_target(TARGET_SECONDS))
        self._target = TARGET_SECONDS
        sink.write(
            b"#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:EVENT\n"
            + f'#EXT-X-MAP:URI="{self._name}",BYTERANGE="{size}@0"\n'.encode()
        )
        self._line = sink.tell()
        sink.write(_END)
        sink.commit()

    def add(self, fragment: Fragment) -> None:
        """Add a fragment that was appended to the media file.

        Raises:
            RecordingError: The playlist cannot be written.
        """
        if self._ends_before(fragment):
            self._line = self._sink.tell() - len(_END)
            self._place = fragment.place
            self._start = self._end
        self._end = max(fragment.end, self._start)
        seconds = math.ceil((self._end - self._start) * 1_000_000) / 1_000_000
        text = (
            f"#EXTINF:{seconds:.6f},\n"
            f"#EXT-X-BYTERANGE:{fragment.place + fragment.size - self._place}@{self._place}\n"
            f"{self._name}\n"
        ).encode() + _END
        before = self._sink.seek(0, os.SEEK_END) - self._line
        self._sink.seek(self._line)
        # A blank line means nothing (section 4.1).
        self._sink.write(b"\n" * max(0, before - len(text)) + text)
        if round(seconds) > self._target:
            self._target = round(seconds)
            end = self._sink.tell()
            self._sink.seek(self._target_at)
            self._sink.write(_target(self._target))
            self._sink.seek(end)
        self._sink.commit()

    def _ends_before(self, fragment: Fragment) -> bool:
        lasted = self._end - self._start
        if fragment.is_entry:
            return lasted >= _SHORTEST
        return fragment.has_pictures and lasted >= _LONGEST


def _target(seconds: int) -> bytes:
    # It may grow, and the lines after it stay in their places.
    return f"#EXT-X-TARGETDURATION:{seconds:05}\n".encode()
