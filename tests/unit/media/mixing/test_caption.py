from __future__ import annotations

import pytest

from media import lettering
from media.mixing.caption import written


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Anna", "ANNA"),
        ("José Ünal-O'Neill", "JOSE UNAL-O'NEILL"),
        ("山田 1", "?? 1"),
        ("", ""),
        ("x!\n", "X??"),
    ],
)
def test_names_are_written_in_the_letters_that_there_are(name: str, text: str) -> None:
    assert written(name) == text
    lettering.mask(written(name))


def test_long_names_are_cut() -> None:
    assert len(written("ﷺ" * 10_000)) < 2_000


def test_no_two_letters_look_alike() -> None:
    drawn = {lettering.mask(character).tobytes() for character in lettering.CHARACTERS}
    assert len(drawn) == len(lettering.CHARACTERS) == 10 + 26 + 3 + 11


def test_every_letter_leaves_its_last_column_free() -> None:
    assert not any(lettering.mask(c)[:, -1].any() for c in lettering.CHARACTERS)
