"""Duration of a fragmented MP4 file, for which its header has room until it is known. PURE.

Firefox takes the length of the first fragments for that of the file where no header tells it.
"""

from __future__ import annotations

from fractions import Fraction

from media.recording.boxes import box_of, boxes, full_box_of, inside

#: Bytes of an mehd box of version 1 (ISO/IEC 14496-12 section 8.8.2).
_SIZE = 20
#: Box that readers skip, until the duration is known (section 8.1.2).
_ROOM = box_of(b"free", bytes(_SIZE - 8))


class MovieDuration:
    """Header of a file with room for its duration.

    Args:
        header: The ftyp and moov boxes.

    Attributes:
        header: The same, with that room.
    """

    def __init__(self, header: bytes) -> None:
        self.header = b""
        self._place = 0
        # Section 8.2.2: after two times, of 32 bits in version 0, which FFmpeg writes here.
        (movie,) = inside(header, b"moov", b"mvhd")
        self._timescale = int.from_bytes(movie[12:16], "big")
        for box in boxes(header):
            data = box.data
            if box.kind == b"moov":
                # Their last box: the defaults of fragments (section 8.8.1).
                *others, extends = boxes(data)
                before = data[: others[-1].end]
                data = before + box_of(b"mvex", _ROOM, extends.data)
                self._place = len(self.header) + 8 + len(before) + 8
            self.header += box_of(box.kind, data)

    def known(self, seconds: Fraction) -> tuple[int, bytes]:
        """Return the box of a duration, and its place in the file."""
        ticks = round(seconds * self._timescale)
        return self._place, full_box_of(b"mehd", version=1, data=ticks.to_bytes(8, "big"))
