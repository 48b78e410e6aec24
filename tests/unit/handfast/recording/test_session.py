"""Check of the path before a recording."""

from __future__ import annotations

from pathlib import Path

import pytest

from handfast.recording.session import RecordError, check


@pytest.mark.parametrize("name", ["out.avi", "out", "nowhere/out.webm", "out-{x}.webm"])
def test_path_that_cannot_be_recorded_to_is_refused_in_one_sentence(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(RecordError, match=r"^[^\n]+\.$"):
        check(tmp_path / name)
    check(tmp_path / "out.webm")
    check(tmp_path / "out", "webm")
