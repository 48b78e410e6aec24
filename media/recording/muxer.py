"""Owns `Muxer`: one file being written."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from media.recording.containers import Container
    from media.recording.parameters import StreamSpec


class Muxer:
    """Writes streams of encoded frames into one file, without decoding them.

    What is on disk at any moment opens, and holds all but the last second. Every call blocks: keep
    a thread for it.

    Args:
        path: The file, which is written anew; of HLS, the playlist, beside which lies the media.
        container: The kind of file.
        streams: What is in it, in the order of their indices.

    Raises:
        RecordingError: The file cannot be made, or not hold these streams.
    """

    def __init__(self, path: Path, container: Container, streams: Sequence[StreamSpec]) -> None:
        raise NotImplementedError

    @property
    def size(self) -> int:
        """Octets on disk so far."""
        raise NotImplementedError

    def write(
        self, stream: int, payload: bytes, pts: Fraction, duration: Fraction, *, keyframe: bool
    ) -> None:
        """Add a frame.

        Args:
            stream: Which of the streams, from 0.
            payload: In the form of `EncodedFrame.payload`.
            pts: In seconds from 0 at the start of the file; rising within the stream. Streams
                should be near each other: one is waited for a tenth of a second at most.
            duration: In seconds.
            keyframe: Whether it can be decoded by itself.

        Raises:
            RecordingError: It cannot be written. Close the muxer then: the file holds what came
                before.
        """
        raise NotImplementedError

    def flush(self) -> None:
        """Have the system put on the medium what is written (fsync); it takes long.

        Raises:
            RecordingError: It could not.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Complete the file. After an error, and when called again, it does not raise.

        Raises:
            RecordingError: The end cannot be written; what came before is there.
        """
        raise NotImplementedError
