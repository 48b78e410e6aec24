"""Sound of one track as a WAV, FLAC or Ogg file at a chosen sample rate, for speech engines."""

from __future__ import annotations

import asyncio
import wave
from contextlib import aclosing, suppress
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO, assert_never

import av
from av import AudioFrame, AudioStream

from media.recording.errors import named_error
from media.taps.pcm import pcm

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    import numpy as np
    from aiortc.mediastreams import MediaStreamTrack
    from numpy.typing import NDArray

    from peer.times import Seconds

#: Seconds of sound that are written at a time, and so lost where the program is killed (ours).
_BLOCK = 0.5
#: Sample rates that `media.pcm` resamples to, in Hz.
_LOWEST_RATE, _HIGHEST_RATE = 4_000, 192_000
#: Sample rates of the encoder of Opus, in Hz (RFC 6716 section 2).
_OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)


class SoundFormat(StrEnum):
    """Formats of sound files."""

    WAV = "wav"
    FLAC = "flac"
    OGG = "ogg"

    @classmethod
    def of(cls, path: str | os.PathLike[str], name: str | None = None) -> SoundFormat:
        """Return the format of a name, or of a file's suffix.

        Raises:
            ValueError: The name, or else the suffix, is of none of them.
        """
        suffix = Path(path).suffix.lower().removeprefix(".") if name is None else name
        try:
            return cls(suffix)
        except ValueError:
            known = ", ".join(f".{each.value}" for each in cls)
            raise ValueError(f"sound is saved as {known}, not .{suffix}") from None

    def check_rate(self, rate: int) -> None:
        """Check that files can have a sample rate.

        Raises:
            ValueError: They cannot.
        """
        if self is SoundFormat.OGG and rate not in _OPUS_RATES:
            raise ValueError(f"Ogg has a rate of {', '.join(map(str, _OPUS_RATES))} Hz, not {rate}")
        if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
            raise ValueError(f"a rate is {_LOWEST_RATE} to {_HIGHEST_RATE} Hz, not {rate}")


async def save_sound(
    track: MediaStreamTrack,
    path: str | os.PathLike[str],
    *,
    rate: int = 16_000,
    format: str | None = None,  # noqa: A002 - as of Recorder
    on_saved: Callable[[Seconds], None] | None = None,
) -> Seconds:
    """Save the sound of a track as mono, until the track ends or the caller is cancelled.

    Lost sound is as the track gives it: filled in for a listener, or silence for a longer gap, so
    that times in the file are times of the call. In either case the file is complete, and where
    the program is killed all but its last half second can be read.

    Args:
        track: The audio track, decoded; it is read, and never stopped.
        path: A new file: `.wav` (16-bit PCM), `.flac` or `.ogg` (Opus).
        rate: Sample rate in Hz; of Ogg 8000, 12000, 16000, 24000 or 48000.
        format: `wav`, `flac` or `ogg`, where the suffix does not tell.
        on_saved: Called with the seconds that are in the file, after each half second.

    Returns:
        Seconds of sound that were saved.

    Raises:
        ValueError: The suffix or the rate is not supported.
        TypeError: The track gives no audio, or encoded audio.
        RecordingError: The file exists already, or cannot be written.
    """
    form = SoundFormat.of(path, format)
    form.check_rate(rate)
    blocks = pcm(track, rate=rate, block=_BLOCK)
    where = Path(path)
    samples = 0
    writer: _SoundWriter | None = None
    try:
        async with aclosing(blocks):
            async for block in blocks:
                if writer is None:
                    writer = _SoundWriter(where, form, rate)
                await asyncio.to_thread(writer.add, block)
                samples += len(block)
                if on_saved is not None:
                    on_saved(samples / rate)
    except (OSError, av.FFmpegError) as failure:
        raise named_error("write", where, failure) from failure
    finally:
        if writer is not None:
            with suppress(OSError, av.FFmpegError):
                # Not on a thread: a caller that is cancelled may not wait any more.
                writer.close()
    return samples / rate


class _SoundWriter:
    """File that threads add blocks to, and that the event loop closes."""

    def __init__(self, path: Path, form: SoundFormat, rate: int) -> None:
        file = path.open("xb")
        self._encoder: _Wave | _Encoded
        match form:
            case SoundFormat.WAV:
                self._encoder = _Wave(file, rate)
            case SoundFormat.FLAC:
                self._encoder = _Encoded(file, rate, container="flac", codec="flac")
            case SoundFormat.OGG:
                self._encoder = _Encoded(file, rate, container="ogg", codec="libopus")
            case _:
                assert_never(form)
        # A caller that is cancelled closes while a thread may still write its last block.
        self._lock = Lock()

    def add(self, samples: NDArray[np.int16]) -> None:
        with self._lock:
            self._encoder.add(samples)

    def close(self) -> None:
        with self._lock:
            self._encoder.close()


class _Wave:
    """WAV whose header is true after each block."""

    def __init__(self, file: BinaryIO, rate: int) -> None:
        self._file = file
        self._wave = wave.Wave_write(file)
        self._wave.setnchannels(1)
        self._wave.setsampwidth(2)
        self._wave.setframerate(rate)

    def add(self, samples: NDArray[np.int16]) -> None:
        self._wave.writeframes(samples.astype("<i2", copy=False).tobytes())
        self._file.flush()

    def close(self) -> None:
        with self._file:
            self._wave.close()


class _Encoded:
    """FLAC, or Opus in Ogg."""

    def __init__(self, file: BinaryIO, rate: int, *, container: str, codec: str) -> None:
        self._file = file
        self._output = av.open(file, "w", format=container, options={"flush_packets": "1"})
        stream = self._output.add_stream(codec, rate=rate)
        assert isinstance(stream, AudioStream)
        stream.layout = "mono"
        self._stream = stream
        self._rate = rate

    def add(self, samples: NDArray[np.int16]) -> None:
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = self._rate
        for packet in self._stream.encode(frame):
            self._output.mux(packet)
        self._file.flush()

    def close(self) -> None:
        with self._file:
            for packet in self._stream.encode(None):
                self._output.mux(packet)
            self._output.close()
