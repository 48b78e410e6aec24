"""Owns how loud a participant is, from whatever tells of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Protocol, TypeAlias

from aiortc.mediastreams import MediaStreamTrack

from peer import AudioLevel, RtpReceiver

#: RFC 6464: digital silence, and (as peer.rtp.levels has it) what counts as a voice.
SILENT = AudioLevel(127)
_VOICE = 50
#: Milliseconds for which a level that came in a packet holds.
_LATELY = 500.0

#: A track of the participant's sound, or whatever tells its level.
Sound: TypeAlias = MediaStreamTrack | Callable[[], AudioLevel]


class LevelMeter(Protocol):
    """Measures the loudness of tracks, as `AudioMixer` does for its inputs."""

    def level(self, track: MediaStreamTrack) -> AudioLevel:
        """Return how loud a track is now; silence for a track that is not measured."""


def decibels(mean_square: float) -> AudioLevel:
    """The level of sound, of which full scale is 1."""
    if not math.isfinite(mean_square) or mean_square <= 0:
        return SILENT
    level = max(0, min(round(-10 * math.log10(mean_square)), SILENT.level))
    return AudioLevel(level, level <= _VOICE)


def level_of(sound: Sound | None, meter: LevelMeter | None) -> AudioLevel:
    """How loud it is now.

    A received track is as loud as its packets say (RFC 6464), for which nothing is decoded; where
    they do not say, and for other tracks, it is what the mixer measures. Nothing known is silence.
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


def linear(level: float | None, age: float = 0.0) -> AudioLevel:
    """The level of a W3C `audioLevel`, which came so many milliseconds ago."""
    if level is None or age > _LATELY:
        return SILENT
    return decibels(level**2)
