"""profile-level-id: RFC 6184 table 5, and levels, of which 1b is written in two ways."""

from __future__ import annotations

import pytest

from peer.h264_profile import H264Profile, ProfileLevelId

P = H264Profile


def read(text: str) -> ProfileLevelId:
    known = ProfileLevelId.parse(text)
    assert known is not None
    return known


@pytest.mark.parametrize(
    ("text", "profile"),
    [
        *((text, P.CONSTRAINED_BASELINE) for text in ("42e01f", "42C00D", "4d801f", "58c01e")),
        *((text, P.BASELINE) for text in ("42001f", "42801f", "58801f")),
        *((text, P.EXTENDED) for text in ("58001f", "58401f")),
        *((text, P.MAIN) for text in ("4d001f", "4d401f", "4d4028")),
        *((text, P.HIGH) for text in ("64001f", "640033", "64081f")),
        ("640c1f", P.CONSTRAINED_HIGH),
        ("6e0028", P.HIGH_10),
        ("7a0028", P.HIGH_422),
        ("f40028", P.HIGH_444),
        ("530028", None),
    ],
)
def test_h264_profile_is_told_by_its_idc_and_its_flags(
    text: str, profile: H264Profile | None
) -> None:
    assert read(text).profile is profile
    assert str(read(text)) == text.lower()


@pytest.mark.parametrize("text", ["", "42e0", "42e01f00", "zzzzzz", "42 01f", "0x42e0"])
def test_profile_level_id_that_is_no_three_octets_is_none(text: str) -> None:
    assert ProfileLevelId.parse(text) is None


def test_missing_profile_level_id_is_constrained_baseline_as_browsers_read_it() -> None:
    assert str(ProfileLevelId.parse(None)) == "42e01f"


@pytest.mark.parametrize(
    ("own", "other", "lower"),
    [
        ("64001f", "640034", "64001f"),
        ("640034", "64001f", "64001f"),
        # Level 1b lies between 1 and 1.1: 9 in High, and level 1.1 with a flag in the others.
        ("42e00b", "42f00b", "42f00b"),
        ("42f00b", "42e00a", "42e00a"),
        ("42e01f", "640009", "42f00b"),
        ("64001f", "42f00b", "640009"),
        ("42f00b", "42e00b", "42f00b"),
    ],
)
def test_lower_level_of_two_is_written_as_the_profile_writes_it(
    own: str, other: str, lower: str
) -> None:
    assert str(read(own).at_most(read(other))) == lower


def test_level_of_another_profile_leaves_the_profile() -> None:
    assert str(read("42f00b").with_level_of(read("640028"))) == "42e028"
    assert read("42f00b").with_level_of(read("640028")).profile is P.CONSTRAINED_BASELINE
