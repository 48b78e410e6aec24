from __future__ import annotations

import random
from typing import TYPE_CHECKING

from media.mixing.speaker import DWELL, PERSISTENCE, SpeakerChoice
from peer import AudioLevel

if TYPE_CHECKING:
    from collections.abc import Callable

LOUD, LOUDER, QUIET, SILENT = 30, 20, 45, 127
#: Seconds between two updates.
STEP = 0.04


class Room:
    """Participants with levels that a test sets, in virtual time."""

    def __init__(self, *names: str) -> None:
        self.levels = dict.fromkeys(names, SILENT)
        self.choice: SpeakerChoice[str] = SpeakerChoice()
        self.now = 0.0
        self.shown: list[str | None] = []

    def run(self, seconds: float, change: Callable[[], None] = lambda: None) -> str | None:
        end = self.now + seconds
        while self.now < end:
            self.now += STEP
            change()
            levels = {name: AudioLevel(level) for name, level in self.levels.items()}
            self.shown.append(self.choice.update(levels, self.now))
        return self.shown[-1]

    def changes(self) -> int:
        return sum(a != b for a, b in zip(self.shown, self.shown[1:], strict=False))


def test_nobody_is_there() -> None:
    assert Room().run(1) is None


def test_in_silence_the_first_is_shown_and_stays() -> None:
    room = Room("a", "b")
    assert room.run(5) == "a"
    assert room.changes() == 0


def test_who_begins_to_speak_in_silence_is_shown_soon() -> None:
    room = Room("a", "b")
    room.run(5)
    room.levels["b"] = LOUD
    assert room.run(PERSISTENCE / 2) == "a"
    assert room.run(PERSISTENCE + 0.3) == "b"


def test_a_cough_changes_nothing() -> None:
    room = Room("a", "b")
    room.levels["a"] = LOUD
    room.run(5)
    room.levels["b"] = LOUDER - 15
    room.run(0.2)
    room.levels["b"] = SILENT
    assert room.run(5) == "a"
    assert room.changes() == 0


def test_pauses_between_words_change_nothing() -> None:
    room = Room("a", "b")
    room.run(1)

    def talk() -> None:
        room.levels["a"] = LOUD if room.now % 0.8 < 0.5 else SILENT
        room.levels["b"] = QUIET

    room.run(20, talk)
    assert room.changes() == 0


def test_a_breath_is_not_an_end() -> None:
    room = Room("a", "b")
    room.run(1)

    def talk() -> None:
        room.levels["a"] = LOUD if room.now % 1.3 < 0.7 else SILENT
        room.levels["b"] = QUIET

    room.run(20, talk)
    assert room.changes() == 0


def test_two_who_are_equally_loud_do_not_flicker() -> None:
    room, dice = Room("a", "b"), random.Random(1)

    def argue() -> None:
        room.levels["a"] = LOUD + dice.randint(-8, 8)
        room.levels["b"] = LOUD + dice.randint(-8, 8)

    room.run(60, argue)
    assert room.changes() == 0


def test_one_who_is_much_louder_takes_over_but_not_at_once() -> None:
    room = Room("a", "b")
    room.levels["a"] = LOUD
    room.run(5)
    room.levels["b"] = LOUDER
    assert room.run(PERSISTENCE) == "a"
    assert room.run(1) == "b"


def test_a_speaker_is_shown_for_a_while() -> None:
    room = Room("a", "b", "c")
    room.run(1)

    def take_turns() -> None:
        turn = int(room.now / 1.0) % 3
        room.levels = {name: LOUDER if n == turn else SILENT for n, name in enumerate(room.levels)}

    room.run(60, take_turns)
    assert 1 < room.changes() <= 60 / DWELL


def test_noise_is_nobody_speaking() -> None:
    room = Room("a", "b")
    room.run(1)
    room.levels["b"] = 60
    assert room.run(5) == "a"


def test_who_leaves_is_followed_by_the_loudest_of_the_others_at_once() -> None:
    room = Room("a", "b", "c")
    room.levels |= {"a": LOUDER, "c": LOUD}
    room.run(5)
    del room.levels["a"]
    assert room.run(STEP) == "c"
    room.levels.clear()
    assert room.run(STEP) is None
