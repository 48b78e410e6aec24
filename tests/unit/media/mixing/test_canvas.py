from __future__ import annotations

import numpy as np
import pytest
from av import VideoFrame

from media.mixing.canvas import BACKGROUND, PLACEHOLDER, Canvas, Tile
from media.mixing.layout import Rect
from media.planes import planes
from tests.support.negotiation.connection_media import BLUE, GREEN, RED

LEFT, RIGHT = Rect(0, 0, 160, 90), Rect(160, 0, 160, 90)


def picture(colour: tuple[int, int, int], width: int = 64, height: int = 36) -> VideoFrame:
    frame = VideoFrame(width, height, "yuv420p")
    for plane, value in zip(planes(frame), colour, strict=True):
        plane[:] = value
    return frame


def at(frame: VideoFrame, x: int, y: int) -> tuple[int, int, int]:
    pixels = planes(frame)
    return (
        int(pixels.y[y, x]),
        int(pixels.u[y // 2, x // 2]),
        int(pixels.v[y // 2, x // 2]),
    )


def test_every_picture_fills_its_place() -> None:
    canvas = Canvas(width=320, height=180)
    canvas.draw([Tile("a", LEFT, picture(RED)), Tile("b", RIGHT, picture(BLUE, 1280, 720))])
    shown = canvas.picture()
    assert (shown.width, shown.height, shown.format.name) == (320, 180, "yuv420p")
    for x, colour in ((0, RED), (159, RED), (160, BLUE), (319, BLUE)):
        assert at(shown, x, 10) == pytest.approx(colour, abs=1)
    assert at(shown, 10, 100) == BACKGROUND


def test_a_picture_of_another_shape_has_bars() -> None:
    canvas = Canvas(width=320, height=180)
    canvas.draw([Tile("a", LEFT, picture(RED, 90, 90))])
    shown = canvas.picture()
    found = [at(shown, x, 45) for x in (0, 33, 36, 123, 126, 159)]
    assert found == [BACKGROUND, BACKGROUND, RED, RED, BACKGROUND, BACKGROUND]


def test_only_what_changed_is_drawn() -> None:
    canvas = Canvas(width=320, height=180)
    red, blue = Tile("a", LEFT, picture(RED)), Tile("b", RIGHT, picture(BLUE))
    canvas.draw([red, blue])
    canvas.draw([red, blue])
    assert canvas.drawn == 2
    canvas.draw([red, Tile("b", RIGHT, picture(GREEN))])
    assert canvas.drawn == 3
    assert at(canvas.picture(), 200, 10) == GREEN


def test_a_picture_that_was_given_out_does_not_change() -> None:
    canvas = Canvas(width=320, height=180)
    canvas.draw([Tile("a", LEFT, picture(RED))])
    shown = canvas.picture()
    canvas.draw([Tile("a", LEFT, picture(BLUE))])
    assert at(shown, 10, 10) == RED


def test_who_leaves_is_seen_no_more() -> None:
    canvas = Canvas(width=320, height=180)
    canvas.draw([Tile("a", LEFT, picture(RED)), Tile("b", RIGHT, picture(BLUE))])
    canvas.draw([Tile("a", LEFT, picture(RED))])
    assert at(canvas.picture(), 200, 10) == BACKGROUND


def test_places_that_move_leave_nothing_behind() -> None:
    canvas = Canvas(width=320, height=180)
    red = picture(RED)
    canvas.draw([Tile("a", LEFT, red)])
    canvas.draw([Tile("a", RIGHT, red)])
    assert (at(canvas.picture(), 10, 10), at(canvas.picture(), 200, 10)) == (BACKGROUND, RED)


def test_a_picture_that_turns_leaves_nothing_behind() -> None:
    canvas = Canvas(width=320, height=180)
    canvas.draw([Tile("a", LEFT, picture(RED, 64, 36))])
    canvas.draw([Tile("a", LEFT, picture(BLUE, 36, 64))])
    assert (at(canvas.picture(), 10, 10), at(canvas.picture(), 80, 10)) == (BACKGROUND, BLUE)


def test_no_picture_is_a_placeholder_until_one_comes() -> None:
    canvas = Canvas(width=320, height=180)
    canvas.draw([Tile("a", LEFT, None, "ANNA")])
    shown = canvas.picture()
    assert at(shown, 10, 10) == PLACEHOLDER
    # The name in the middle.
    assert (planes(shown).y[40:50, 60:100] == 235).any()
    canvas.draw([Tile("a", LEFT, picture(RED, 90, 90))])
    assert (at(canvas.picture(), 10, 45), at(canvas.picture(), 80, 10)) == (BACKGROUND, RED)


def test_the_name_stays_on_the_picture() -> None:
    canvas = Canvas(width=320, height=180)
    for colour in (RED, BLUE):
        canvas.draw([Tile("a", LEFT, picture(colour), "Zoë")])
        shown = planes(canvas.picture())
        label = shown.y[90 - 11 : 90, :20]
        assert (label == 235).sum() > 20
        assert (label == 16).sum() > 20
    canvas.draw([Tile("a", LEFT, picture(RED), "")])
    assert (planes(canvas.picture()).y[:90, :160] == RED[0]).all()


@pytest.mark.parametrize("size", [2, 6, 12, 20])
@pytest.mark.parametrize("shown", [True, False])
def test_a_name_never_leaves_its_place(size: int, *, shown: bool) -> None:
    canvas = Canvas(width=320, height=180)
    place = Rect(40, 40, size, size)
    canvas.draw([Tile("a", place, picture(RED) if shown else None, "A very long name" * 9)])
    luma = planes(canvas.picture()).y.copy()
    luma[40 : 40 + size, 40 : 40 + size] = 16
    assert (luma == 16).all()


@pytest.mark.parametrize("form", ["rgb24", "yuvj420p", "nv12", "gray", "yuv444p", "bgra"])
def test_any_format_comes_in_its_colours(form: str) -> None:
    white = VideoFrame.from_ndarray(np.full((37, 65, 3), 255, dtype=np.uint8), format="rgb24")
    canvas = Canvas(width=320, height=180)
    canvas.draw([Tile("a", LEFT, white.reformat(format=form))])
    assert at(canvas.picture(), 80, 45) == pytest.approx((235, 128, 128), abs=2)


def test_the_input_is_left_as_it_is() -> None:
    given = picture(RED, 160, 90)
    Canvas(width=320, height=180).draw([Tile("a", LEFT, given, "ANNA")])
    assert (planes(given).y == RED[0]).all()


def test_a_picture_that_cannot_be_drawn_costs_itself_only(caplog: pytest.LogCaptureFixture) -> None:
    canvas = Canvas(width=320, height=180)
    nothing = VideoFrame(0, 0, "yuv420p")
    for _ in range(3):
        canvas.draw([Tile("a", LEFT, nothing), Tile("b", RIGHT, picture(BLUE))])
    assert [at(canvas.picture(), x, 45) for x in (20, 200)] == [PLACEHOLDER, BLUE]
    assert caplog.text.count("could not be drawn") == 1
    canvas.draw([Tile("a", LEFT, picture(RED)), Tile("b", RIGHT, picture(BLUE))])
    assert at(canvas.picture(), 20, 45) == RED
