"""The sources of the last ten seconds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from peer.rtp.inbound.sources import (
    RecentSources,
    RtpContributingSource,
    linear_level,
    recent_contributing_sources,
)
from peer.rtp.levels import AudioLevel
from peer.rtp.receiving.ssrcs import ContributingSource
from peer.times import UnixTime
from tests.support.media.encoded_frames import OPUS, encoded


def recent(*streams: tuple[int, float, int | None]) -> RecentSources:
    """Frames of these SSRCs, at these times, so loud."""
    found = RecentSources()
    for ssrc, arrival, level in streams:
        frame = encoded(960, codec=OPUS, ssrc=ssrc, arrival=arrival)
        found.add(replace(frame, level=None if level is None else AudioLevel(level)))
    return found


def ssrcs(sources: list[RtpContributingSource]) -> list[int]:
    return [each.source for each in sources]


def test_source_has_w3c_attributes() -> None:
    (source,) = recent((7, 100.0, 20)).within_10_seconds(now=101.0, unix=UnixTime(1_000_000.0))
    assert (source.timestamp, source.source, source.rtpTimestamp) == (999_999_000.0, 7, 960)
    assert source.audioLevel == pytest.approx(0.1)


def test_latest_source_comes_first_and_once() -> None:
    found = recent((1, 0.0, None), (2, 1.0, None), (1, 2.0, None))
    assert ssrcs(found.within_10_seconds(now=3.0, unix=UnixTime(0.0))) == [1, 2]


def test_sources_are_named_for_ten_seconds() -> None:
    found = recent((1, 0.0, None))
    assert ssrcs(found.within_10_seconds(now=10.0, unix=UnixTime(0.0))) == [1]
    assert ssrcs(found.within_10_seconds(now=10.1, unix=UnixTime(0.0))) == []


def test_number_of_sources_is_limited() -> None:
    found = recent(*((ssrc, 0.0, None) for ssrc in range(100)))
    assert ssrcs(found.within_10_seconds(now=0.0, unix=UnixTime(0.0))) == list(range(99, 83, -1))


@pytest.mark.parametrize(("level", "linear"), [(0, 1.0), (20, 0.1), (126, 10**-6.3), (127, 0.0)])
def test_audio_levels_are_linear(level: int, linear: float) -> None:
    assert linear_level(level) == pytest.approx(linear)


def test_audio_level_of_ssrc_is_its_last() -> None:
    found = recent((1, 0.0, 40), (1, 1.0, 20), (2, 2.0, None))
    assert found.level(1) == pytest.approx(0.1)
    assert found.level(2) is None
    assert found.level(3) is None


def test_contributing_sources_are_those_of_10_seconds() -> None:
    sources = [
        ContributingSource(source=ssrc, timestamp=5, arrival=arrival)
        for ssrc, arrival in ((1, 0.0), (2, 5.0), (3, 9.0))
    ]
    found = recent_contributing_sources(sources, now=12.0, unix=UnixTime(100.0))
    assert [(each.source, each.timestamp) for each in found] == [(3, 97_000.0), (2, 93_000.0)]
