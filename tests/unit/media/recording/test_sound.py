from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from media.recording.sound import packet_duration
from tests.support.media.recorded import OPUS


@pytest.mark.parametrize(
    ("name", "payload", "milliseconds"),
    [
        ("opus", bytes((31 << 3, 0)), 20),
        ("opus", bytes((1 << 3, 0)), 20),
        ("opus", bytes((3 << 3 | 1, 0)), 120),
        ("opus", bytes((16 << 3 | 3, 4)), 10),
        ("opus", bytes((3 << 3 | 3, 63)), 120),
        ("opus", bytes((16 << 3,)), Fraction(5, 2)),
        ("opus", bytes((15 << 3 | 3,)), 20),
        ("opus", b"", 20),
        ("PCMU", bytes(240), 30),
        ("G722", bytes(160), 20),
        ("PCMA", b"", 20),
        ("other", bytes(9), 20),
    ],
)
def test_duration(name: str, payload: bytes, milliseconds: int | Fraction) -> None:
    codec = replace(OPUS, name=name)
    assert packet_duration(codec, payload) * 1000 == milliseconds
