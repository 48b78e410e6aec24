"""Reads and writes `profile-level-id` of H.264 (RFC 6184 sections 8.1 and 8.2.2). PURE."""

from __future__ import annotations

from enum import Enum

from peer.values import dataclass, replace

#: profile-level-id where it is missing: constrained baseline, level 3.1, as browsers read it.
#: RFC 6184 section 8.1 has level 1.
_DEFAULT = "42e01f"
_DIGITS = 6
_BASELINE, _MAIN, _EXTENDED, _HIGH = 0x42, 0x4D, 0x58, 0x64
#: constraint_set3_flag, which makes level 1.1 of the profiles without High level 1b.
_SET3 = 0x10
_LEVEL_1_1, _LEVEL_1B = 11, 9


class H264Profile(Enum):
    """A profile, or sub-profile, by the name that encoders know; RFC 6184 table 5 has the bits."""

    CONSTRAINED_BASELINE = "Constrained Baseline"
    BASELINE = "Baseline"
    EXTENDED = "Extended"
    MAIN = "Main"
    CONSTRAINED_HIGH = "Constrained High"
    HIGH = "High"
    HIGH_10 = "High 10"
    HIGH_422 = "High 4:2:2"
    HIGH_444 = "High 4:4:4 Predictive"


# RFC 6184 table 5: profile_idc, bits of profile-iop that count, and their values, the first first.
# Flags that narrow a profile further, as those of Progressive High, make no other one.
_PROFILES = (
    (_BASELINE, 0x40, 0x40, H264Profile.CONSTRAINED_BASELINE),
    (_MAIN, 0x80, 0x80, H264Profile.CONSTRAINED_BASELINE),
    (_EXTENDED, 0xC0, 0xC0, H264Profile.CONSTRAINED_BASELINE),
    (_BASELINE, 0x40, 0x00, H264Profile.BASELINE),
    (_EXTENDED, 0xC0, 0x80, H264Profile.BASELINE),
    (_EXTENDED, 0x80, 0x00, H264Profile.EXTENDED),
    (_MAIN, 0x80, 0x00, H264Profile.MAIN),
    (_HIGH, 0x0C, 0x0C, H264Profile.CONSTRAINED_HIGH),
    (_HIGH, 0x00, 0x00, H264Profile.HIGH),
    (0x6E, 0x00, 0x00, H264Profile.HIGH_10),
    (0x7A, 0x00, 0x00, H264Profile.HIGH_422),
    (0xF4, 0x00, 0x00, H264Profile.HIGH_444),
)


@dataclass(frozen=True, slots=True)
class ProfileLevelId:
    """The three bytes of `profile-level-id`.

    Args:
        idc: profile_idc of the sequence parameter set.
        iop: The byte with the constraint flags behind it.
        level_idc: Ten times the level; 9 is level 1b in the profiles that write it so.
    """

    idc: int
    iop: int
    level_idc: int

    @classmethod
    def parse(cls, text: str | None) -> ProfileLevelId | None:
        """Read the value of the parameter; None stands for a missing one.

        Returns:
            None where the text is not six hexadecimal digits.
        """
        text = _DEFAULT if text is None else text
        try:
            octets = bytes.fromhex(text) if len(text) == _DIGITS else b""
        except ValueError:
            return None
        return cls(*octets) if octets else None

    def __str__(self) -> str:
        """Write the value of the parameter."""
        return bytes((self.idc, self.iop, self.level_idc)).hex()

    @property
    def profile(self) -> H264Profile | None:
        """The profile that the bytes name; None where RFC 6184 table 5 has none."""
        return next(
            (
                profile
                for idc, mask, value, profile in _PROFILES
                if self.idc == idc and self.iop & mask == value
            ),
            None,
        )

    def with_level_of(self, other: ProfileLevelId) -> ProfileLevelId:
        """Return this profile at the level of another one."""
        low = self.idc in (_BASELINE, _MAIN, _EXTENDED)
        level, is_1b = other.level_idc, other.is_1b
        iop = self.iop & ~_SET3 if low else self.iop
        if is_1b:
            level = _LEVEL_1_1 if low else _LEVEL_1B
            iop |= _SET3 if low else 0
        return replace(self, iop=iop, level_idc=level)

    def at_most(self, other: ProfileLevelId) -> ProfileLevelId:
        """Return this profile at the lower of its own level and that of another one."""
        return self if self._order <= other._order else self.with_level_of(other)

    @property
    def is_1b(self) -> bool:
        """True for level 1b, between 1 and 1.1 (ITU-T H.264 section A.3.4.1)."""
        if self.level_idc == _LEVEL_1B:
            return True
        low = self.idc in (_BASELINE, _MAIN, _EXTENDED)
        return low and self.level_idc == _LEVEL_1_1 and self.iop & _SET3 != 0

    @property
    def _order(self) -> tuple[int, bool]:
        return (10, True) if self.is_1b else (self.level_idc, False)
