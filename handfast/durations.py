"""Durations as people write them on a command line: 10s, 1h30m, 90."""

from __future__ import annotations

import re
from typing import Final

_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_NUMBER: Final = r"\d+(?:\.\d+)?"
_TERM: Final = re.compile(rf"({_NUMBER})(ms|h|m|s)")
_WHOLE: Final = re.compile(rf"{_NUMBER}|(?:{_NUMBER}(?:ms|h|m|s))+")


def seconds_of(text: str) -> float:
    """Return the seconds of a duration: a number of seconds, or of h, m, s and ms.

    Raises:
        ValueError: The text is no duration, or not above 0.
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is no duration: write 10s, 5m, 1h30m or seconds")
    terms = _TERM.findall(text)
    seconds = sum(float(number) * _UNITS[unit] for number, unit in terms) if terms else float(text)
    if not 0 < seconds < float("inf"):
        raise ValueError(f"{text!r} is no duration above 0")
    return seconds
