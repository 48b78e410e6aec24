"""Muxer of encoded frames into one file.

FFmpeg makes the header of a file; clusters and fragments are ours. FFmpeg's own muxers keep frames
of one stream back while another of VP8 or VP9 is silent, and cannot be told to write now.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, assert_never

import av
from av.error import FFmpegError

from media.recording.atomic_file import AtomicFile, placeholder
from media.recording.clusters import ClusterWriter
from media.recording.containers import Container, passes
from media.recording.errors import RecordingError, UnsupportedError
from media.recording.fragments import FragmentWriter
from media.recording.headers import matroska_tracks, mp4_header
from media.recording.pages import PageWriter
from media.recording.parameters import specimen
from media.recording.pending import Frame, Pending
from media.recording.playlist import Playlist
from media.recording.samples import sample_converter
from media.recording.silence import SilenceFiller
from media.recording.vp9_layers import Vp9Layers
from peer.rtp.formats.vp9_bitstream import frames_of
from peer.rtp_parameters import MediaKind
from peer.values import replace

if TYPE_CHECKING:
    from media.recording.destination import Sink
    from media.recording.parameters import StreamSpec

#: Bytes kept in the header for each stream that may come later: parameter sets are the larger part,
#: and few have more than a hundred (ours).
_ROOM = 1024
#: Suffix of the media file beside a playlist, usual for MP4 fragments.
_SEGMENTS = ".m4s"
_ZERO = Fraction(0)


class _Writer(Protocol):
    """Writer of one container format into a sink."""

    def write(self, frames: list[Frame]) -> None:
        """Add a piece of frames."""

    def finish(self) -> None:
        """Add the end of the file."""


class Muxer:
    """Writes streams of encoded frames into one file, without decoding them.

    The file on disk is playable at any moment, and holds all but the last second. Every call
    blocks: use a thread.

    Args:
        path: The file, which is overwritten; for HLS the playlist, beside which lies the media
            file (`out.m4s` beside `out.m3u8`).
        container: The container format.
        streams: The streams in the order of their indices.
        open_sink: Opens a file by its path, and by the function that returns the header which
            hides a piece.
        later: Number of streams that may be added later, for which room is kept in the header.

    Raises:
        RecordingError: The file cannot be created, or the container does not take these streams.
    """

    def __init__(
        self,
        path: Path,
        container: Container,
        streams: Sequence[StreamSpec],
        open_sink: Callable[[Path, Callable[[int], bytes]], Sink] = AtomicFile,
        *,
        later: int = 0,
    ) -> None:
        self._path = path
        self._open_sink = open_sink
        self._container = container
        self._room = later * _ROOM if container.keeps_room else 0
        self._streams = list(streams)
        # Of streams that were added.
        self._delays: dict[int, Fraction] = {}
        # Of streams of VP9, whose pictures may have several.
        self._layers: dict[int, Vp9Layers] = {}
        self._samples = [self._converter(index, spec) for index, spec in enumerate(streams)]
        self._last: list[Fraction | None] = [None] * len(streams)
        # FFmpeg makes the pages of Ogg.
        self._pending = None if container is Container.OGG else Pending()
        # The only sound in fragments is Opus.
        self._silence = SilenceFiller() if container in (Container.MP4, Container.HLS) else None
        self._playlist: Playlist | None = None
        self._sinks: list[Sink] = []
        # Where the fragments end that are in the playlist.
        self._listed = 0
        self._failed = False
        self._closed = False
        for index, spec in enumerate(streams):
            self._expect_sound(index, spec, Fraction(0))
        for spec in streams:
            self._require_passing(spec, "create")
        try:
            self._writer = self._begin(container)
            self._commit()
        except (FFmpegError, ValueError) as failure:
            self._close_sinks()
            raise UnsupportedError("create", path, why=str(failure)) from failure
        except RecordingError:
            self._close_sinks()
            raise

    @property
    def size(self) -> int:
        """The size on disk, in bytes."""
        return sum(sink.size for sink in self._sinks)

    def add(self, spec: StreamSpec, start: Fraction) -> bool:
        """Add a stream behind the others; return False where the header has no room for it.

        Args:
            spec: Parameters of the stream.
            start: Seconds from the start of the file to its first frame.

        Raises:
            RecordingError: The container does not take the stream, or the file cannot be written.
        """
        self._require_open("write")
        self._require_passing(spec, "write")
        streams = [*self._streams, spec]
        delays = {**self._delays, len(self._streams): Fraction(math.floor(start * 1000), 1000)}
        has_room = bool(self._room) and self._sinks[0].is_seekable
        try:
            described = has_room and self._describe(streams, delays)
        except (FFmpegError, ValueError) as failure:
            raise UnsupportedError("write", self._path, why=str(failure)) from failure
        if described:
            # Before the next piece, whose tracks a reader must know.
            self._guarded("write", lambda: None)
            self._streams = streams
            self._delays = delays
            self._expect_sound(len(self._last), spec, start)
            self._samples.append(self._converter(len(self._samples), spec))
            self._last.append(None)
        return described

    def write(
        self,
        stream: int,
        payload: bytes,
        pts: Fraction,
        duration: Fraction,
        *,
        keyframe: bool,
        offset: Fraction = _ZERO,
    ) -> None:
        """Add a frame to a stream.

        Args:
            stream: Index of the stream, from 0.
            payload: Payload in the form of `EncodedFrame.payload`.
            pts: Seconds from the start of the file, rising within the stream. Streams should be
                within half a second of each other, for readers.
            duration: Duration in seconds.
            keyframe: True if the frame can be decoded by itself.
            offset: Seconds from `pts` to when a frame is shown, in video with B-frames.

        Raises:
            RecordingError: The frame cannot be written. Close the muxer then: the file holds the
                frames before.
            ValueError: The time is not after that of the frame before.
        """
        self._require_open("write")
        last = self._last[stream]
        if pts < 0 or (last is not None and pts <= last):
            raise ValueError(f"a frame at {float(pts)} s, that is not after the one before")
        self._last[stream] = pts
        payload = self._samples[stream](payload)
        if stream in self._layers:
            self._grow(stream, self._layers[stream].size)
        picture = self._streams[stream].codec.kind is MediaKind.VIDEO
        frame = Frame(pts, stream, payload, duration, keyframe, picture, offset)
        done = [frame] if self._pending is None else self._pending.completed_by(frame)
        if done:
            self._write_piece(done)

    def flush(self) -> None:
        """Write the frames that wait, and have the system write the file to the medium.

        Raises:
            RecordingError: The system cannot write them.
        """
        if self._failed or self._closed:
            return
        self._write_pending()
        for sink in self._sinks:
            sink.synchronise()

    def close(self) -> None:
        """Complete the file, or do nothing after an error and when called again.

        Raises:
            RecordingError: The end cannot be written; the file holds the frames before.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if not self._failed:
                self._write_pending()
                self._write_silence()
                self._guarded("complete", self._writer.finish)
            elif isinstance(self._writer, PageWriter):
                self._writer.abandon()
        finally:
            self._close_sinks()

    def _begin(self, container: Container) -> _Writer:
        streams = self._streams
        match container:
            case Container.MP4 | Container.HLS:
                return self._begin_fragments(container)
            case Container.WEBM | Container.MATROSKA:
                tracks = matroska_tracks(streams)
                sink = self._sink(self._path, container)
                pictures = _pictures(streams)
                return ClusterWriter(sink, container.value, tracks, pictures, room=self._room)
            case Container.OGG:
                with ExitStack() as opened:
                    specimens = [
                        opened.enter_context(
                            av.open(io.BytesIO(specimen(spec)), "r", format="matroska")
                        )
                        for spec in streams
                    ]
                    return PageWriter(self._sink(self._path, container), specimens)
            case _:
                assert_never(container)

    def _begin_fragments(self, container: Container) -> FragmentWriter:
        streams, media = self._streams, self._path
        header = mp4_header(streams)
        if container is Container.HLS:
            # Not .mp4: the same call may be recorded as MP4 as well.
            media = self._path.with_suffix(_SEGMENTS)
        writer = FragmentWriter(
            self._sink(media, container),
            header,
            [spec.codec.clock_rate for spec in streams],
            pictures=_pictures(streams),
            tells_duration=container is Container.MP4,
            room=self._room,
        )
        if container is Container.HLS:
            playlist = self._open_sink(self._path, lambda _size: b"")
            self._sinks.append(playlist)
            self._playlist = Playlist(playlist, media, writer.header_end)
        return writer

    def _expect_sound(self, stream: int, spec: StreamSpec, start: Fraction) -> None:
        if self._silence is not None and spec.codec.kind is MediaKind.AUDIO:
            self._silence.add(stream, channels=spec.codec.channels or 1, start=start)

    def is_layered(self, stream: int, payload: bytes) -> bool:
        """Tell if a picture of a stream has several spatial layers, or one before it had."""
        layers = self._layers.get(stream)
        return layers is not None and (layers.is_layered or len(frames_of(payload)) > 1)

    def _converter(self, stream: int, spec: StreamSpec) -> Callable[[bytes], bytes]:
        if spec.codec.name.lower() == "vp9":
            self._layers[stream] = Vp9Layers()
            return self._layers[stream].convert
        return sample_converter(self._container, spec)

    def _grow(self, stream: int, size: tuple[int, int] | None) -> None:
        """Have the header say the largest size of a stream: players make room for that."""
        spec = self._streams[stream]
        before = spec.picture_size
        if size is None or before is None or size[0] * size[1] <= before[0] * before[1]:
            return
        streams = list(self._streams)
        streams[stream] = replace(spec, size=size)
        # Without a description the sizes of later pictures are compared with this one all the same.
        self._streams = streams
        if self._sinks[0].is_seekable:
            self._describe(streams, self._delays)

    def _describe(self, streams: Sequence[StreamSpec], delays: Mapping[int, Fraction]) -> bool:
        """Describe the streams anew in the header, with the next piece of the file."""
        match self._writer:
            case FragmentWriter() as fragments:
                rates = [spec.codec.clock_rate for spec in streams]
                header = mp4_header(streams, delays)
                return fragments.describe(header, rates, _pictures(streams), delays)
            case ClusterWriter() as clusters:
                return clusters.describe(matroska_tracks(streams), _pictures(streams))
            case _:
                return False

    def _require_open(self, what: str) -> None:
        if self._failed or self._closed:
            why = "it failed before" if self._failed else "it is closed"
            raise RecordingError(what, self._path, why=why)

    def _require_passing(self, spec: StreamSpec, what: str) -> None:
        if not passes(self._container, spec.codec):
            why = f"{self._container.value} takes no {spec.codec.name}"
            raise UnsupportedError(what, self._path, why=why)

    def _sink(self, path: Path, container: Container) -> Sink:
        sink = self._open_sink(path, partial(placeholder, container))
        self._sinks.append(sink)
        return sink

    def _write_pending(self) -> None:
        frames = [] if self._pending is None else self._pending.take()
        self._write_piece(frames)

    def _write_silence(self) -> None:
        """Make sound as long as the file."""
        if self._silence is not None and isinstance(self._writer, FragmentWriter):
            frames = self._silence.finish(self._writer.end)
            if frames:
                self._guarded("write", partial(self._writer.write, frames))

    def _write_piece(self, frames: list[Frame]) -> None:
        if self._silence is not None and frames:
            frames = self._silence.fill(frames)
        if frames:
            self._guarded("write", partial(self._writer.write, frames))

    def _guarded(self, what: str, call: Callable[[], None]) -> None:
        """Make a piece, and append it to the file."""
        try:
            call()
            self._commit()
        except FFmpegError as failure:
            self._failed = True
            raise UnsupportedError(what, self._path, why=str(failure)) from failure
        except RecordingError:
            self._failed = True
            raise

    def _commit(self) -> None:
        self._sinks[0].commit()
        if self._playlist is None or not isinstance(self._writer, FragmentWriter):
            return
        fragment = self._writer.fragment
        if fragment is not None and fragment.place >= self._listed:
            self._listed = fragment.place + fragment.size
            self._playlist.add(fragment)

    def _close_sinks(self) -> None:
        for sink in self._sinks:
            sink.close()


def _pictures(streams: Sequence[StreamSpec]) -> frozenset[int]:
    """Return the indices of the video streams."""
    return frozenset(
        index for index, spec in enumerate(streams) if spec.codec.kind is MediaKind.VIDEO
    )
