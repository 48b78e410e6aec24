"""Owns `Muxer`: one file being written."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.error import FFmpegError
from av.packet import Packet

from media.recording.containers import Container, passes
from media.recording.errors import RecordingError, UnsupportedError
from media.recording.opus_gaps import substitutes
from media.recording.parameters import specimen
from media.recording.playlist import Playlist
from media.recording.sink import Sink
from media.recording.veils import veil

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

    from media.recording.parameters import StreamSpec

# All that is kept back is lost when we are killed. Microseconds, but for Matroska's milliseconds.
_FRAGMENT = 500_000
# How long a frame waits for one of another stream that belongs before it.
_INTERLEAVE = 100_000

_FRAGMENTED = {
    # The last flag and the option lets a stream begin later than the file; the moov is out by then.
    "movflags": "empty_moov+frag_keyframe+default_base_moof+frag_discont",
    "avoid_negative_ts": "disabled",
    "frag_duration": str(_FRAGMENT),
}
_CLUSTERED = {"cluster_time_limit": str(_FRAGMENT // 1000)}
_OPTIONS = {
    Container.MP4: ("mp4", _FRAGMENTED),
    Container.HLS: ("mp4", _FRAGMENTED),
    Container.WEBM: ("webm", _CLUSTERED),
    Container.MATROSKA: ("matroska", _CLUSTERED),
    # FFmpeg keeps a page back until the next is complete.
    Container.OGG: ("ogg", {"page_duration": str(_FRAGMENT // 2)}),
}
_EVERY = {"flush_packets": "1", "max_interleave_delta": str(_INTERLEAVE)}


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
        self._path = path
        for spec in streams:
            if not passes(container, spec.codec):
                why = f"{container.value} takes no {spec.codec.name}"
                raise UnsupportedError("create", path, why=why)
        self._last: list[int | None] = [None] * len(streams)
        self._failed = False
        self._closed = False
        self._fills = container is Container.OGG
        self._before: dict[int, tuple[bytes, Fraction]] = {}
        name, options = _OPTIONS[container]
        with ExitStack() as specimens:
            templates = [specimens.enter_context(self._template(spec)) for spec in streams]
            media = path.with_suffix(".mp4") if container is Container.HLS else path
            self._sinks = [Sink(media, partial(veil, container))]
            self._playlist: Playlist | None = None
            if container is Container.HLS:
                self._sinks.append(Sink(path))
                self._playlist = Playlist(self._sinks[1], media)
            self._container = av.open(
                self._sinks[0], "w", format=name, container_options={**_EVERY, **options}
            )
            self._streams = []
            for spec, template in zip(streams, templates, strict=True):
                output = self._container.add_stream_from_template(template.streams[0], opaque=True)
                time_base = Fraction(1, spec.codec.clock_rate)
                output.time_base = time_base
                self._streams.append((output, time_base))
        try:
            self._guarded("create", self._container.start_encoding)
        except RecordingError:
            self.close()
            raise

    @property
    def size(self) -> int:
        """Octets on disk so far."""
        return sum(sink.size for sink in self._sinks)

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
        if self._failed or self._closed:
            why = "it failed before" if self._failed else "it is closed"
            raise RecordingError("write", self._path, why=why)
        _, time_base = self._streams[stream]
        ticks = round(pts / time_base)
        last = self._last[stream]
        if ticks < 0 or (last is not None and ticks <= last):
            raise ValueError(f"a frame at {float(pts)} s, that is not after the one before")
        self._last[stream] = ticks
        if self._fills:
            self._fill(stream, pts)
            self._before[stream] = payload, pts + duration
        self._mux(stream, payload, ticks, round(duration / time_base), keyframe=keyframe)

    def flush(self) -> None:
        """Have the system put on the medium what is written (fsync); it takes long.

        Raises:
            RecordingError: It could not.
        """
        for sink in self._sinks:
            sink.synchronise()

    def close(self) -> None:
        """Complete the file. After an error, and when called again, it does not raise.

        Raises:
            RecordingError: The end cannot be written; what came before is there.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self._failed:
                # FFmpeg must end what it began; it goes nowhere.
                with suppress(FFmpegError):
                    self._container.close()
            else:
                self._guarded("complete", self._container.close)
        finally:
            for sink in self._sinks:
                sink.close()

    def _fill(self, stream: int, until: Fraction) -> None:
        """Ogg knows only the time at the end of a page: a gap would move what lies before it."""
        if stream not in self._before:
            return
        payload, at = self._before[stream]
        _, time_base = self._streams[stream]
        for packet, duration in substitutes(payload, until - at):
            self._mux(stream, packet, round(at / time_base), round(duration / time_base))
            at += duration

    def _mux(
        self, stream: int, payload: bytes, ticks: int, duration: int, *, keyframe: bool = True
    ) -> None:
        output, time_base = self._streams[stream]
        packet: Packet[Stream] = Packet(payload)
        packet.stream = output
        packet.time_base = time_base
        packet.pts = packet.dts = ticks
        packet.duration = duration
        packet.is_keyframe = keyframe
        self._guarded("write", lambda: self._container.mux_one(packet))

    def _template(self, spec: StreamSpec) -> InputContainer:
        try:
            return av.open(io.BytesIO(specimen(spec)), "r", format="matroska")
        except (FFmpegError, ValueError) as failure:
            raise UnsupportedError("create", self._path, why=str(failure)) from failure

    def _guarded(self, what: str, call: Callable[[], None]) -> None:
        """Have FFmpeg do something, and what comes of it on disk."""
        try:
            call()
            added = self._sinks[0].commit()
            if self._playlist is not None:
                self._playlist.extend(added)
        except FFmpegError as failure:
            self._failed = True
            raise UnsupportedError(what, self._path, why=str(failure)) from failure
        except RecordingError:
            self._failed = True
            raise
