"""What the loss benchmark reads from frames, and makes of their times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.loss_figures import Phases, figures
from benchmarks.loss_link import LossyLink
from benchmarks.loss_tracks import Journal, Listener, NumberedTrack, picture_number
from tests.support.clock.virtual_time import in_virtual_time

if TYPE_CHECKING:
    from collections.abc import Callable

PHASES = Phases(trouble=10.0, calm=20.0, end=35.0)
OFFER = (
    "v=0\r\n"
    "a=candidate:1 1 udp 2130706431 fe80::1 5000 typ host\r\n"
    "a=candidate:2 1 udp 2130706175 127.0.0.1 5001 typ host generation 0\r\n"
    "a=candidate:3 1 udp 2130705919 127.0.0.2 5002 typ host\r\n"
    "a=end-of-candidates\r\n"
)


def journal(arrival: Callable[[int, float], float | None]) -> Journal:
    """Pictures of 35 s, each read as `arrival` says of its number and the time of its capture."""
    made = Journal("video", captured={number: number / 30 for number in range(35 * 30)})
    for number, at in made.captured.items():
        if (when := arrival(number, at)) is not None:
            made.read.append((number, when))
    return made


def test_a_steady_stream_has_no_figures_worth_mention() -> None:
    found = figures(journal(lambda _, at: at + 0.05), PHASES)
    assert (found.freezes, found.lost, found.back_after) == (0, 0, 0.0)
    assert [found.before, found.during, found.after] == pytest.approx([0.05] * 3)
    assert found.recovered


def test_an_outage_is_a_freeze_and_loses_frames() -> None:
    found = figures(journal(lambda _, at: None if 10 <= at < 12 else at + 0.05), PHASES)
    assert (found.freezes, found.lost) == (1, 60)
    assert found.frozen == pytest.approx(2.0, abs=0.04)
    assert found.longest == pytest.approx(2.0, abs=0.05)
    assert found.recovered


def test_stream_that_stays_late_has_not_recovered() -> None:
    found = figures(journal(lambda _, at: at + (0.05 if at < 10 else 0.3)), PHASES)
    assert found.flows
    assert not found.recovered
    assert found.back_after is None


def test_the_end_of_a_delay_is_told() -> None:
    found = figures(journal(lambda _, at: at + (0.3 if 10 <= at < 23 else 0.05)), PHASES)
    assert found.recovered
    # The half second in which it becomes less counts by its median.
    assert found.back_after == pytest.approx(3.0)


def test_stream_that_stops_is_frozen_to_the_end() -> None:
    found = figures(journal(lambda _, at: at + 0.05 if at < 15 else None), PHASES)
    assert found.frozen == pytest.approx(20.0, abs=0.1)
    assert found.after is None
    assert not found.recovered


@in_virtual_time
async def test_pictures_say_their_number() -> None:
    made = Journal("video")
    track = NumberedTrack(made)
    assert [picture_number(await track.recv()) for _ in range(70)] == list(range(70))
    assert list(made.captured) == list(range(70))


@pytest.mark.parametrize("first", [0, 3, 45])
@in_virtual_time
async def test_sound_says_its_number_wherever_hearing_begins(first: int) -> None:
    made = Journal("audio")
    track = NumberedTrack(made)
    listener = Listener()
    for number in range(120):
        frame = await track.recv()
        if number >= first and number % 7:
            # Time begins with what is heard first.
            assert frame.pts is not None
            frame.pts -= first * 960
            listener.add(frame, made.captured[number] + 0.1)
    heard = [number for number, _ in listener.numbers(made.captured)]
    assert heard == [number for number in range(first, 120) if number % 7]


async def test_a_link_stands_for_the_candidates_of_ipv4() -> None:
    with LossyLink(1) as link:
        lines = link.rerouted(OFFER).splitlines()
    (candidate,) = (line for line in lines if line.startswith("a=candidate"))
    assert candidate.startswith("a=candidate:2 1 udp 2130706175 127.0.0.1 ")
    assert candidate.endswith(" typ host")
    assert " 5001 " not in candidate
    assert lines[-1] == "a=end-of-candidates"


async def test_a_link_needs_a_candidate() -> None:
    with LossyLink(1) as link, pytest.raises(ValueError, match="IPv4"):
        link.rerouted("v=0\r\n")
