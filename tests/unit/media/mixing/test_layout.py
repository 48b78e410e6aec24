from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.mixing.layout import Layout, Rect, fitted, places

EVEN = st.integers(160, 1000).map(lambda half: 2 * half)


def apart(one: Rect, other: Rect) -> bool:
    return (
        one.left + one.width <= other.left
        or other.left + other.width <= one.left
        or one.top + one.height <= other.top
        or other.top + other.height <= one.top
    )


def even(place: Rect) -> bool:
    return not (place.left % 2 or place.top % 2 or place.width % 2 or place.height % 2)


def inside(place: Rect, other: Rect) -> bool:
    return (
        other.left <= place.left
        and other.top <= place.top
        and place.left + place.width <= other.left + other.width
        and place.top + place.height <= other.top + other.height
    )


@given(st.sampled_from(Layout), EVEN, EVEN, st.integers(0, 49))
def test_places_are_inside_and_do_not_overlap(
    layout: Layout, width: int, height: int, count: int
) -> None:
    found = places(layout, width=width, height=height, count=count)
    assert len(found) == count
    assert all(even(place) and place.width > 0 and place.height > 0 for place in found)
    assert all(inside(place, Rect(0, 0, width, height)) for place in found)
    assert all(apart(one, other) for one, other in combinations(found, 2))


@pytest.mark.parametrize("layout", Layout)
def test_one_alone_has_everything(layout: Layout) -> None:
    assert places(layout, width=1280, height=720, count=1) == (Rect(0, 0, 1280, 720),)


def test_four_are_two_by_two() -> None:
    assert places(Layout.GRID, width=1280, height=720, count=4) == (
        Rect(0, 0, 640, 360),
        Rect(640, 0, 640, 360),
        Rect(0, 360, 640, 360),
        Rect(640, 360, 640, 360),
    )


def test_two_are_side_by_side() -> None:
    assert places(Layout.GRID, width=1280, height=720, count=2) == (
        Rect(0, 0, 640, 720),
        Rect(640, 0, 640, 720),
    )


def test_the_last_row_stands_in_the_middle() -> None:
    assert places(Layout.GRID, width=1280, height=720, count=3)[2] == Rect(320, 360, 640, 360)


@pytest.mark.parametrize(
    ("width", "height", "rows"), [(1280, 360, 1), (1280, 720, 2), (360, 1280, 4)]
)
def test_the_columns_are_those_that_make_pictures_largest(
    width: int, height: int, rows: int
) -> None:
    assert (
        len({place.top for place in places(Layout.GRID, width=width, height=height, count=4)})
        == rows
    )


def test_the_speaker_has_most_of_the_picture() -> None:
    assert places(Layout.SPEAKER, width=1280, height=720, count=3) == (
        Rect(0, 0, 1280, 576),
        Rect(384, 576, 256, 144),
        Rect(640, 576, 256, 144),
    )


@given(st.integers(1, 5000), st.integers(1, 5000), EVEN, EVEN)
def test_a_fitted_picture_is_inside_and_not_distorted(
    width: int, height: int, across: int, down: int
) -> None:
    place = Rect(10, 20, across, down)
    inner = fitted((width, height), place)
    assert even(inner)
    assert inside(inner, place)
    assert inner.width == across or inner.height == down
    # To whole chroma samples: as wide as its height asks for, or as high as its width does.
    assert (
        abs(inner.width - max(2, inner.height * width / height)) <= 2 + 2 * width / height
        or abs(inner.height - max(2, inner.width * height / width)) <= 2
    )


def test_bars_are_alike_on_both_sides() -> None:
    assert fitted((640, 480), Rect(0, 0, 1280, 720)) == Rect(160, 0, 960, 720)
    assert fitted((1080, 1920), Rect(640, 0, 640, 360)) == Rect(858, 0, 202, 360)
