from __future__ import annotations

import pytest

from media import lettering


def test_one_is_drawn_as_a_one() -> None:
    rows = ["".join(" #"[int(dot)] for dot in row) for row in lettering.mask("1")]

    assert rows == ["  #   ", " ##   ", "  #   ", "  #   ", "  #   ", "  #   ", " ###  "]


def test_no_two_characters_look_alike() -> None:
    drawn = {lettering.mask(character).tobytes() for character in "0123456789 :.FRAME"}

    assert len(drawn) == len("0123456789 :.FRAME")


def test_every_glyph_leaves_its_last_column_free() -> None:
    assert not any(lettering.mask(c)[:, -1].any() for c in "0123456789 :.FRAME")


@pytest.mark.parametrize("scale", [1, 2, 5])
def test_scale_enlarges_every_dot(scale: int) -> None:
    small, large = lettering.mask("4:"), lettering.mask("4:", scale)

    assert large.shape == (7 * scale, 12 * scale)
    assert (large[::scale, ::scale] == small).all()
    assert large.sum() == small.sum() * scale**2


def test_no_text_is_an_empty_mask() -> None:
    assert lettering.mask("", 3).shape == (21, 0)


def test_a_character_that_the_font_lacks_is_named() -> None:
    with pytest.raises(ValueError, match=r"lacks \['!', 'é'\]"):
        lettering.mask("1é!")
