from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

import pytest

from media import SyntheticAudioTrack
from media.mixing.loudness import SILENT, decibels, level_of, linear
from peer import AudioLevel, RtpReceiver
from peer.rtp.inbound.inbound_rtp import InboundRtp
from peer.rtp.inbound.sources import RtpContributingSource
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from media.mixing import AudioMixer


class Measured:
    """A mixer that hears everything alike."""

    def level(self, track: object) -> AudioLevel:
        return AudioLevel(33, voice=True)


MIXER = cast("AudioMixer", Measured())


class Receiver(RtpReceiver):
    """A receiver whose packets say what a test sets."""

    def __init__(self, level: float | None, age: float = 0.0) -> None:
        super().__init__(InboundRtp(MediaKind.AUDIO, time.monotonic))
        self.source = RtpContributingSource(
            timestamp=(time.time() - age) * 1000, source=1, rtpTimestamp=0, audioLevel=level
        )

    def getSynchronizationSources(self) -> list[RtpContributingSource]:
        return [self.source]


class HeardTrack(SyntheticAudioTrack):
    """A track that came of a receiver."""

    def __init__(self, receiver: RtpReceiver) -> None:
        super().__init__()
        self.receiver = receiver


@pytest.mark.parametrize(
    ("mean_square", "level", "voice"),
    [(1.0, 0, True), (4.0, 0, True), (0.5, 3, True), (1e-5, 50, True), (1e-6, 60, False)],
)
def test_levels_are_in_decibels_below_full_scale(
    mean_square: float, level: int, *, voice: bool
) -> None:
    assert decibels(mean_square) == AudioLevel(level, voice)


@pytest.mark.parametrize("mean_square", [0.0, -1.0, float("nan"), float("inf"), 1e-30])
def test_what_is_no_level_is_silence(mean_square: float) -> None:
    assert decibels(mean_square) == SILENT


def test_packets_are_believed_before_the_mixer() -> None:
    assert level_of(HeardTrack(Receiver(0.1)), MIXER) == AudioLevel(20, voice=True)


def test_an_old_level_is_silence() -> None:
    assert level_of(HeardTrack(Receiver(0.1, age=2)), MIXER) == SILENT
    assert linear(0.1, age=400) == AudioLevel(20, voice=True)


def test_the_mixer_is_asked_where_packets_do_not_say() -> None:
    assert level_of(HeardTrack(Receiver(None)), MIXER).level == 33
    assert level_of(SyntheticAudioTrack(), MIXER).level == 33


def test_nothing_known_is_silence() -> None:
    assert level_of(None, MIXER) == SILENT
    assert level_of(SyntheticAudioTrack(), None) == SILENT


def test_a_function_may_tell() -> None:
    assert level_of(lambda: AudioLevel(7), MIXER) == AudioLevel(7)
