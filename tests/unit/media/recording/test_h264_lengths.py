from __future__ import annotations

import pytest

from media.recording.muxer import with_lengths


@pytest.mark.parametrize(
    ("frame", "file"),
    [
        ("00000001 67aa 00000001 68bb 00000001 65cc", "00000002 67aa 00000002 68bb 00000002 65cc"),
        # Start codes of three octets, and zeros behind a unit.
        ("000001 67aa 000001 65cc 0000", "00000002 67aa 00000002 65cc"),
        # What keeps start codes out stays in.
        ("00000001 65 000003 0102", "00000006 65 000003 0102"),
        ("", ""),
    ],
)
def test_lengths_stand_where_start_codes_were(frame: str, file: str) -> None:
    assert with_lengths(bytes.fromhex(frame)).hex() == file.replace(" ", "")
