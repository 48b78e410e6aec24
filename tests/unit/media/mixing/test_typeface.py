from __future__ import annotations

import logging

import numpy as np
import pytest

from media.mixing import fonts, typeface
from media.mixing.canvas import Canvas, Tile
from media.mixing.layout import Layout, Rect, places
from media.planes import planes
from tests.support.media.frames import flat_picture

pytestmark = pytest.mark.needs("fonts")

NAMES = {
    "Latin": "José Ünal",
    "Cyrillic": "Григорий",
    "Greek": "Ελένη Παπά",
    "Arabic": "محمد علي",
    "Hebrew": "שלום",
    "Chinese": "山田太郎",
    "Korean": "김철수",
    "Devanagari": "देवनागरी",
    "mixed": "Анна 山田",
}


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typeface, "_said", set())
    typeface._line.cache_clear()  # noqa: SLF001 - what was drawn before says nothing


def width(text: str, size: int = 40) -> int:
    drawn = typeface.line(text, size)
    assert drawn is not None
    return int(np.flatnonzero(drawn.any(axis=0)).size)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_names_of_any_script_are_drawn_in_a_font_that_has_all_their_letters(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    drawn = typeface.line(name, 32)
    assert drawn is not None
    assert drawn.shape[0] == 42
    rows = np.flatnonzero((drawn > 128).any(axis=1))
    assert rows[-1] - rows[0] >= 14
    assert not caplog.records
    # A letter looks like no other, and like no mark for a missing one.
    letters = sorted({letter for letter in name if letter.isalpha()})
    assert len({letter: _shape(letter) for letter in letters}) == len(letters)
    assert all(_shape(letter) != _shape("\ufffd") for letter in letters)


def _shape(letter: str) -> bytes:
    drawn = typeface.line(letter, 32)
    assert drawn is not None
    return drawn.tobytes()


def test_arabic_letters_are_joined_and_run_from_right_to_left() -> None:
    name = typeface.line("محمد", 40)
    assert name is not None
    # One line of ink without a gap.
    assert set(np.diff(np.flatnonzero((name > 60).any(axis=0)))) == {1}
    # The first letter stands at the right.
    drawn = typeface.line("אווו", 40)
    first = typeface.line("א", 40)
    assert drawn is not None
    assert first is not None
    wide = first.shape[1]
    left, right = drawn[:, :wide].astype(int), drawn[:, -wide:].astype(int)
    assert np.abs(right - first).mean() < np.abs(left - first).mean() / 2


def test_parts_of_several_fonts_follow_the_direction_of_the_first_letter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = fonts.font_for
    monkeypatch.setattr(fonts, "font_for", lambda text: whole(text) if len(text) == 1 else None)
    drawn, chinese = typeface.line("שלום 山", 40), typeface.line("山", 40)
    assert drawn is not None
    assert chinese is not None
    begin = drawn[:, : chinese.shape[1]]
    assert np.abs(begin.astype(int) - chinese).mean() < 8


def test_what_no_font_has_is_a_question_mark_and_said_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fonts.font_for
    monkeypatch.setattr(fonts, "font_for", lambda text: None if "山" in text else whole(text))
    with caplog.at_level(logging.WARNING):
        assert width("A山") == width("A?")
        typeface.line("B山", 32)
    assert [record.message for record in caplog.records] == [
        "no font here has CJK UNIFIED IDEOGRAPH-5C71; this is said once"
    ]


def test_controls_and_overrides_of_direction_are_left_out() -> None:
    for hostile in ("\u202eAnna\u202c", "A\x00nna", "An\u200fna"):
        assert width(hostile) == width("Anna")


def test_towers_of_marks_stay_within_the_line() -> None:
    drawn = typeface.line("Z" + "\u0301" * 60, 32)
    assert drawn is not None
    assert drawn.shape[0] == 42


@pytest.mark.parametrize("count", [1, 4, 9, 16])
def test_names_are_readable_in_a_picture_of_1280_by_720(count: int) -> None:
    canvas = Canvas(width=1280, height=720)
    tiles = [
        Tile(number, place, flat_picture(640, 360, luma=100), "Ж山H")
        for number, place in enumerate(places(Layout.GRID, width=1280, height=720, count=count))
    ]
    canvas.draw(tiles)
    luma = planes(canvas.picture()).y
    for tile in tiles:
        place = tile.place
        shown = luma[place.top : place.top + place.height, place.left : place.left + place.width]
        rows = np.flatnonzero((shown > 200).any(axis=1))
        assert rows[-1] - rows[0] + 1 >= 14


def test_without_fonts_latin_capitals_are_drawn_and_the_log_says_so_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "installed", lambda: False)
    canvas = Canvas(width=1280, height=720)
    with caplog.at_level(logging.WARNING):
        for number in range(3):
            name = f"ANNA {number}"
            canvas.draw([Tile("a", Rect(0, 0, 320, 180), flat_picture(64, 36), name)])
    assert [record.message for record in caplog.records] == [
        "names are drawn in Latin capitals: this needs handfast[names] and a font; "
        "this is said once"
    ]
    rows = np.flatnonzero((planes(canvas.picture()).y[:180, :320] == 235).any(axis=1))
    assert rows[-1] - rows[0] + 1 == 14


def test_a_font_that_fails_costs_no_picture(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: str, size: int) -> None:
        raise OSError("broken file")

    monkeypatch.setattr(fonts, "font", fail)
    with caplog.at_level(logging.WARNING):
        assert typeface.line("Anna", 31) is None
    assert "broken file" in caplog.text
