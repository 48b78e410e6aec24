"""NTP timestamps are converted to and from seconds since 1970."""

from __future__ import annotations

import pytest

from peer.rtp.rtcp import compact_ntp, from_ntp, to_ntp
from peer.times import UnixTime

#: RFC 5905 figure 4: seconds since 1970 and since 1900.
DATES = [
    (0, 2_208_988_800),
    (63_072_000, 2_272_060_800),
    (946_598_400, 3_155_587_200),
]


@pytest.mark.parametrize(("unix", "ntp"), DATES)
def test_ntp_dates_of_rfc_5905(unix: int, ntp: int) -> None:
    assert to_ntp(unix) == ntp << 32
    assert from_ntp(ntp << 32) == UnixTime(unix)


def test_ntp_era_after_2036_begins_at_0() -> None:
    begin = (1 << 32) - 2_208_988_800
    assert to_ntp(begin) == 0
    assert to_ntp(begin + 63_104) == 63_104 << 32
    assert from_ntp(63_104 << 32) == UnixTime(begin + 63_104)
    assert from_ntp((1 << 64) - (1 << 32)) == UnixTime(begin - 1)


@pytest.mark.parametrize(("fraction", "low"), [(0.5, 0x80000000), (0.25, 0x40000000)])
def test_ntp_fractions_are_in_the_low_half(fraction: float, low: int) -> None:
    assert to_ntp(1_700_000_000 + fraction) & 0xFFFFFFFF == low
    assert from_ntp(to_ntp(1_700_000_000 + fraction)) == 1_700_000_000 + fraction


def test_ntp_round_trip_is_exact_to_a_microsecond() -> None:
    assert from_ntp(to_ntp(1_700_000_000.123456)) == pytest.approx(
        1_700_000_000.123456, abs=1e-6, rel=0
    )


def test_compact_ntp_is_the_middle_32_bits_of_rfc_3550_figure_2() -> None:
    assert compact_ntp(0xB44D_B705_2000_0000) == 0xB705_2000
    # A = 46864.500 s, LSR = 46853.125 s, DLSR = 5.25 s: the way there and back took 6.125 s.
    assert (0xB710_8000 - compact_ntp(0xB44D_B705_2000_0000) - 0x0005_4000) / 65536 == 6.125
