"""DTMF: accepted characters, times of the tones, and tonechange events."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from peer.errors import ConfigurationError, InvalidStateError
from peer.rtp.outbound.dtmf_sender import DtmfSender, ToneChangeEvent
from tests.support.clock.virtual_time import in_virtual_time


def now() -> float:
    return round(asyncio.get_running_loop().time() - 1000.0, 6)


@dataclass
class Stream:
    """Takes tones and notes when."""

    takes_tones: bool = True
    played: list[tuple[float, str, int, int]] = field(default_factory=list)

    def play_tone(self, tone: str, *, duration: int, gap: int) -> None:
        self.played.append((now(), tone, duration, gap))

    @property
    def tones(self) -> str:
        return "".join(tone for _, tone, _, _ in self.played)


@dataclass
class Dialing:
    stream: Stream = field(default_factory=Stream)
    changes: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dtmf = DtmfSender(self.stream)
        self.dtmf.on("tonechange", self.note)

    def note(self, event: ToneChangeEvent) -> None:
        self.changes.append((now(), event.tone))


@in_virtual_time
async def test_dtmf_tones_follow_each_other_with_gaps() -> None:
    dialing = Dialing()
    dialing.dtmf.insertDTMF("1d#", 200, 50)
    await asyncio.sleep(5)
    assert dialing.stream.played == [
        (0.0, "1", 200, 50),
        (0.25, "D", 200, 50),
        (0.5, "#", 200, 50),
    ]
    assert dialing.changes == [(0.0, "1"), (0.25, "D"), (0.5, "#"), (0.75, "")]


@in_virtual_time
async def test_dtmf_default_duration_and_gap() -> None:
    dialing = Dialing()
    dialing.dtmf.insertDTMF("1")
    await asyncio.sleep(5)
    assert dialing.stream.played == [(0.0, "1", 100, 70)]


@pytest.mark.parametrize(
    ("given", "used"), [((0, 0), (40, 30)), ((99_999, 99_999), (6000, 6000)), ((40, 30), (40, 30))]
)
def test_dtmf_duration_and_gap_are_bounded(given: tuple[int, int], used: tuple[int, int]) -> None:
    @in_virtual_time
    async def run() -> None:
        dialing = Dialing()
        dialing.dtmf.insertDTMF("1", *given)
        await asyncio.sleep(20)
        assert dialing.stream.played == [(0.0, "1", *used)]

    run()


@in_virtual_time
async def test_dtmf_comma_is_a_pause_of_two_seconds() -> None:
    dialing = Dialing()
    dialing.dtmf.insertDTMF("1,2")
    await asyncio.sleep(5)
    assert [at for at, *_ in dialing.stream.played] == [0.0, 2.17]
    assert dialing.changes == [(0.0, "1"), (0.17, ","), (2.17, "2"), (2.34, "")]


@in_virtual_time
async def test_tone_buffer_holds_the_tones_to_be_played() -> None:
    dialing = Dialing()
    assert dialing.dtmf.toneBuffer == ""
    dialing.dtmf.insertDTMF("12a")
    assert dialing.dtmf.toneBuffer == "12A"
    await asyncio.sleep(0.2)
    assert dialing.dtmf.toneBuffer == "A"
    await asyncio.sleep(0.2)
    assert dialing.dtmf.toneBuffer == ""


@in_virtual_time
async def test_insert_dtmf_replaces_waiting_tones() -> None:
    dialing = Dialing()
    dialing.dtmf.insertDTMF("123")
    await asyncio.sleep(0.05)
    dialing.dtmf.insertDTMF("*", 300)
    await asyncio.sleep(5)
    assert dialing.stream.played == [(0.0, "1", 100, 70), (0.17, "*", 300, 70)]


@in_virtual_time
async def test_insert_dtmf_of_nothing_clears_waiting_tones() -> None:
    dialing = Dialing()
    dialing.dtmf.insertDTMF("123")
    await asyncio.sleep(0.05)
    dialing.dtmf.insertDTMF("")
    await asyncio.sleep(5)
    assert dialing.stream.tones == "1"
    assert dialing.changes == [(0.0, "1"), (0.17, "")]


@in_virtual_time
async def test_insert_dtmf_of_nothing_fires_no_event_while_idle() -> None:
    dialing = Dialing()
    dialing.dtmf.insertDTMF("")
    await asyncio.sleep(5)
    assert dialing.changes == []


@pytest.mark.parametrize("tones", ["12E", "1 2", "-", "٣"])
def test_insert_dtmf_refuses_other_characters(tones: str) -> None:
    @in_virtual_time
    async def run() -> None:
        dialing = Dialing()
        dialing.dtmf.insertDTMF("99")
        with pytest.raises(ConfigurationError):
            dialing.dtmf.insertDTMF(tones, 500)
        await asyncio.sleep(5)
        assert [tone[1:] for tone in dialing.stream.played] == [("9", 100, 70), ("9", 100, 70)]

    run()


@in_virtual_time
async def test_insert_dtmf_is_refused_while_tones_cannot_be_sent() -> None:
    dialing = Dialing(Stream(takes_tones=False))
    assert not dialing.dtmf.canInsertDTMF
    with pytest.raises(InvalidStateError):
        dialing.dtmf.insertDTMF("1")


@in_virtual_time
async def test_dtmf_ends_when_tones_can_no_longer_be_sent() -> None:
    dialing = Dialing()
    dialing.dtmf.insertDTMF("123")
    await asyncio.sleep(0.05)
    dialing.stream.takes_tones = False
    await asyncio.sleep(5)
    assert dialing.changes == [(0.0, "1")]
    dialing.stream.takes_tones = True
    dialing.dtmf.insertDTMF("4")
    await asyncio.sleep(5)
    assert dialing.stream.tones == "14"


@in_virtual_time
async def test_ontonechange_sets_one_handler() -> None:
    dialing = Dialing()
    heard: list[str] = []

    async def first(event: ToneChangeEvent) -> None:
        heard.append(f"first {event.tone}")

    def second(event: ToneChangeEvent) -> None:
        heard.append(f"second {event.tone}")

    dialing.dtmf.ontonechange = first
    dialing.dtmf.insertDTMF("1")
    await asyncio.sleep(0.1)
    dialing.dtmf.ontonechange = second
    assert dialing.dtmf.ontonechange is second
    await asyncio.sleep(1)
    dialing.dtmf.ontonechange = None
    dialing.dtmf.insertDTMF("2")
    await asyncio.sleep(1)
    assert heard == ["first 1", "second "]


@in_virtual_time
async def test_failing_tonechange_handler_does_not_end_dtmf() -> None:
    dialing = Dialing()
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    def broken(event: ToneChangeEvent) -> None:
        raise ZeroDivisionError

    dialing.dtmf.ontonechange = broken
    dialing.dtmf.insertDTMF("12")
    await asyncio.sleep(5)
    assert dialing.stream.tones == "12"
    assert [type(each["exception"]) for each in told] == [ZeroDivisionError] * 3


@in_virtual_time
async def test_tonechange_handler_may_insert_tones() -> None:
    dialing = Dialing()

    def again(event: ToneChangeEvent) -> None:
        if not event.tone and len(dialing.stream.played) < 3:
            dialing.dtmf.insertDTMF("7")

    dialing.dtmf.ontonechange = again
    dialing.dtmf.insertDTMF("7")
    await asyncio.sleep(5)
    assert [at for at, *_ in dialing.stream.played] == [0.0, 0.17, 0.34]


@in_virtual_time
async def test_stopped_dtmf_sender_plays_nothing() -> None:
    dialing = Dialing()
    dialing.dtmf.insertDTMF("123")
    await asyncio.sleep(0.05)
    dialing.dtmf.stop()
    await asyncio.sleep(5)
    assert dialing.stream.tones == "1"
    assert dialing.changes == [(0.0, "1")]
