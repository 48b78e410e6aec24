"""Audio levels of tracks, from samples, RTP headers (RFC 6464) or a meter."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Protocol, TypeAlias

from aiortc.mediastreams import MediaStreamTrack

from peer import AudioLevel, RtpReceiver

#: Digital silence: 127 dB below full scale (RFC 6464 section 3).
SILENT = AudioLevel(127)
#: Level in -dBFS up to which sound counts as a voice (ours, as in `peer.rtp.levels`).
_VOICE = 50
#: Milliseconds for which the level of an RTP packet stays valid (ours).
_VALID = 500.0

#: An audio track, or a function that returns its level.
Sound: TypeAlias = MediaStreamTrack | Callable[[], AudioLevel]


class LevelMeter(Protocol):
    """Measures the loudness of tracks, as `AudioMixer` does for its inputs."""

    def level(self, track: MediaStreamTrack) -> AudioLevel:
        """Return how loud a track is now; silence for a track that is not measured."""


def decibels(mean_square: float) -> AudioLevel:
    """Convert a mean square of samples (full scale 1.0) to an audio level."""
    if not math.isfinite(mean_square) or mean_square <= 0:
        return SILENT
    level = max(0, min(round(-10 * math.log10(mean_square)), SILENT.level))
    return AudioLevel(level, level <= _VOICE)


def level_of(sound: Sound | None, meter: LevelMeter | None) -> AudioLevel:
    """Return the present level of an audio track.

    A received track has the level of its RTP packets (RFC 6464), for which nothing is decoded.
    Other tracks, and received ones without that header extension, have the level that the meter
    measures; without a meter they count as silent.
    """
    if sound is None:
        return SILENT
    if not isinstance(sound, MediaStreamTrack):
        return sound()
    receiver = getattr(sound, "receiver", None)
    if isinstance(receiver, RtpReceiver):
        sources = receiver.getSynchronizationSources()
        told = [s for s in sources[:1] if s.audioLevel is not None]
        if told:
            return linear(told[0].audioLevel, age=time.time() * 1000 - told[0].timestamp)
    return SILENT if meter is None else meter.level(sound)


def linear(level: float | None, *, age: float = 0.0) -> AudioLevel:
    """Convert a W3C `audioLevel` (0.0 to 1.0) of an age in milliseconds to an audio level."""
    if level is None or age > _VALID:
        return SILENT
    return decibels(level**2)
