"""Owns descriptions as real peers write them.

Those with a version in their name were recorded: two simulcast layers, a second video and a data
channel. The others are written by hand in the manner of the peer that they are named after.
"""

from __future__ import annotations

from pathlib import Path

NAMES = tuple(sorted(path.stem for path in Path(__file__).parent.glob("*.sdp")))


def load(name: str) -> str:
    """The text with its line ends as they are."""
    return Path(__file__).with_name(f"{name}.sdp").read_bytes().decode()
