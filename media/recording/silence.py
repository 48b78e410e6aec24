"""Silence for the holes of sound in files whose players wait for all streams. PURE."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from media.recording.audio_packets import opus_substitutes, silent_opus
from media.recording.pending import Frame

_log = logging.getLogger(__name__)

#: Seconds by which sound may be behind the rest of a file before silence takes its place (ours).
PATIENCE = Fraction(3, 2)
#: Seconds by which packets may overlap: clocks of senders are corrected slowly (ours).
_OVERLAP = Fraction(1, 100)
# TOC byte of a packet of stereo, and of mono (RFC 6716 section 3.1).
_STEREO, _MONO = b"\x04", b"\x00"


@dataclass(slots=True)
class _Sound:
    """Stream of Opus as far as it is in the file.

    Args:
        packet: Its latest packet.
        end: Its end in seconds.
        silent: Seconds of silence at its end that took the place of sound.
    """

    packet: bytes
    end: Fraction
    silent: Fraction = Fraction(0)


class SilenceFiller:
    """Fills what a muted microphone, or a network, leaves out of Opus.

    A hole between two packets is filled when the second one is written. While a stream gives
    nothing, it is filled as the others go on; what comes for that time afterwards is left out.
    """

    def __init__(self) -> None:
        self._sounds: dict[int, _Sound] = {}
        self._end = Fraction(0)

    def add(self, stream: int, *, channels: int, start: Fraction = Fraction(0)) -> None:
        """Add a stream of Opus.

        Args:
            stream: Index of the stream.
            channels: Number of its channels.
            start: Seconds from which on it has no hole.
        """
        toc = _STEREO if channels > 1 else _MONO
        self._sounds[stream] = _Sound(silent_opus(toc), start)

    def fill(self, frames: Iterable[Frame]) -> list[Frame]:
        """Return the frames of a piece of the file in order, with silence where it belongs."""
        filled: list[Frame] = []
        for frame in sorted(frames):
            sound = self._sounds.get(frame.stream)
            if sound is None:
                self._end = max(self._end, frame.pts)
                filled.append(frame)
                continue
            if frame.pts < sound.end - max(_OVERLAP, frame.duration / 2):
                continue
            filled += self._until(frame.pts, frame.stream, sound)
            _tell(frame.stream, sound)
            filled.append(frame)
            sound.end = frame.pts + frame.duration
            sound.packet = frame.payload or sound.packet
            self._end = max(self._end, sound.end)
        return filled + self._behind(PATIENCE)

    def finish(self, end: Fraction) -> list[Frame]:
        """Return the silence up to the end of the file."""
        self._end = max(self._end, end)
        filled = self._behind(Fraction(0))
        for stream, sound in self._sounds.items():
            _tell(stream, sound)
        return filled

    def _behind(self, patience: Fraction) -> list[Frame]:
        return [
            frame
            for stream, sound in self._sounds.items()
            if self._end - sound.end > patience
            for frame in self._until(self._end - patience, stream, sound)
        ]

    def _until(self, time: Fraction, stream: int, sound: _Sound) -> list[Frame]:
        made = []
        for packet, duration in opus_substitutes(sound.packet, time - sound.end):
            made.append(Frame(sound.end, stream, packet, duration, keyframe=True, picture=False))
            sound.end += duration
            sound.silent += duration
        return made


def _tell(stream: int, sound: _Sound) -> None:
    """Tell of silence that has come to its end."""
    if sound.silent:
        begin = float(sound.end - sound.silent)
        _log.debug("stream %d is silent for %.2f s from %.2f s", stream, sound.silent, begin)
        sound.silent = Fraction(0)
