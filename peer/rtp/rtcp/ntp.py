"""Owns the NTP timestamps of RTCP (RFC 3550 section 4): 32 bits of seconds, 32 of fraction."""

from __future__ import annotations

#: From 1900 to 1970, in seconds.
_EPOCHS = 2_208_988_800
_MASK = (1 << 64) - 1


def to_ntp(unix_seconds: float) -> int:
    """A time since 1970 in seconds, as 64 bits."""
    # The whole seconds apart, so that the fraction keeps what precision the float has.
    whole, fraction = divmod(unix_seconds, 1.0)
    return (((int(whole) + _EPOCHS) << 32) + int(fraction * (1 << 32))) & _MASK


def from_ntp(ntp: int) -> float:
    """Seconds since 1970 of a 64-bit timestamp; one of before 1968 is of the era after 2036."""
    seconds = ntp >> 32
    # RFC 4330 section 3: a clear first bit means that the counter began again in 2036.
    if seconds < 1 << 31:
        seconds += 1 << 32
    return seconds - _EPOCHS + (ntp & 0xFFFFFFFF) / (1 << 32)


def middle(ntp: int) -> int:
    """The 32 bits in the middle, in units of 1/65536 s, as reception reports repeat them."""
    return ntp >> 16 & 0xFFFFFFFF
