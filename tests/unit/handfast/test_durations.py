from __future__ import annotations

import pytest

from handfast.durations import seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10s", 10), ("1h", 3600), ("1h30m", 5400), ("90", 90), ("2.5m", 150), ("500ms", 0.5)],
)
def test_duration_is_read_as_people_write_it(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "10 s", "-1s", "0", "0s", "1d", "nan", "1s2", "1e9"])
def test_text_that_is_no_duration_above_zero_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        seconds_of(text)
