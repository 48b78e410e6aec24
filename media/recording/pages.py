"""Writer of Opus packets as pages of an Ogg file (RFC 7845), by FFmpeg."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.error import FFmpegError
from av.packet import Packet

from media.recording.audio_packets import opus_substitutes
from media.recording.parameters import OPUS_RATE

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

    from media.recording.destination import Sink
    from media.recording.pending import Frame

#: Duration of a page in microseconds; FFmpeg keeps a page back until the next is complete (ours).
_PAGE = 250_000
#: Microseconds that a packet waits for an earlier one of another stream (ours).
_INTERLEAVE = 100_000
_OPTIONS = {
    "page_duration": str(_PAGE),
    "max_interleave_delta": str(_INTERLEAVE),
    "flush_packets": "1",
}
_TICK = Fraction(1, OPUS_RATE)


class PageWriter:
    """Writes Opus packets into an Ogg file.

    Args:
        sink: The file.
        specimens: A specimen file of each stream.

    Raises:
        FFmpegError: FFmpeg does not take these streams.
    """

    def __init__(self, sink: Sink, specimens: Sequence[InputContainer]) -> None:
        self._container = av.open(sink, "w", format="ogg", container_options=_OPTIONS)
        self._streams: list[Stream] = []
        for specimen in specimens:
            stream = self._container.add_stream_from_template(specimen.streams[0], opaque=True)
            stream.time_base = _TICK
            self._streams.append(stream)
        self._before: dict[int, tuple[bytes, Fraction]] = {}
        self._container.start_encoding()

    def write(self, frames: list[Frame]) -> None:
        """Add packets to the file.

        Raises:
            FFmpegError: FFmpeg does not take them.
        """
        for frame in frames:
            # Ogg has only the time at the end of a page: a gap would move the packets before it.
            if frame.stream in self._before:
                payload, at = self._before[frame.stream]
                for packet, duration in opus_substitutes(payload, frame.pts - at):
                    self._mux(frame.stream, packet, at, duration)
                    at += duration
            self._before[frame.stream] = frame.payload, frame.pts + frame.duration
            self._mux(frame.stream, frame.payload, frame.pts, frame.duration)

    def finish(self) -> None:
        """Write the last pages.

        Raises:
            FFmpegError: FFmpeg cannot write them.
        """
        self._container.close()

    def abandon(self) -> None:
        """Close FFmpeg's muxer without writing the end."""
        with suppress(FFmpegError):
            self._container.close()

    def _mux(self, stream: int, payload: bytes, pts: Fraction, duration: Fraction) -> None:
        packet: Packet[Stream] = Packet(payload)
        packet.stream = self._streams[stream]
        packet.time_base = _TICK
        packet.pts = packet.dts = round(pts / _TICK)
        packet.duration = round(duration / _TICK)
        self._container.mux_one(packet)
