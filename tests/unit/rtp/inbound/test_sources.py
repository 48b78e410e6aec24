"""The sources of the last ten seconds."""

from __future__ import annotations

import pytest

from peer.rtp.inbound.sources import RtpContributingSource, linear_level, recent_sources
from peer.rtp.levels import AudioLevel
from peer.rtp.receiving.ssrcs import RtpSource
from peer.times import UnixTime


def recent(
    *sources: tuple[int, float, int | None], now: float, unix: float = 0.0
) -> list[RtpContributingSource]:
    """Sources, the times of their last frames, and how loud those were."""
    return recent_sources(
        [
            RtpSource(
                source=source,
                timestamp=960,
                arrival=arrival,
                level=None if level is None else AudioLevel(level),
            )
            for source, arrival, level in sources
        ],
        now=now,
        unix=UnixTime(unix),
    )


def test_source_has_w3c_attributes() -> None:
    (source,) = recent((7, 100.0, 20), now=101.0, unix=1_000_000.0)
    assert (source.timestamp, source.source, source.rtpTimestamp) == (999_999_000.0, 7, 960)
    assert source.audioLevel == pytest.approx(0.1)


def test_source_without_audio_level() -> None:
    (source,) = recent((7, 100.0, None), now=101.0)
    assert source.audioLevel is None


def test_sources_are_named_for_ten_seconds() -> None:
    assert [each.source for each in recent((1, 0.0, None), now=10.0)] == [1]
    assert recent((1, 0.0, None), now=10.1) == []


@pytest.mark.parametrize(("level", "linear"), [(0, 1.0), (20, 0.1), (126, 10**-6.3), (127, 0.0)])
def test_audio_levels_are_linear(level: int, linear: float) -> None:
    assert linear_level(AudioLevel(level)) == pytest.approx(linear)


def test_latest_of_recent_sources_comes_first() -> None:
    found = recent((1, 0.0, None), (2, 5.0, None), (3, 9.0, None), now=12.0, unix=100.0)
    assert [(each.source, each.timestamp) for each in found] == [(3, 97_000.0), (2, 93_000.0)]
