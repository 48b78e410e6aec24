"""NTP timestamps of RTCP (RFC 3550 section 4): 32 bits of seconds, 32 bits of fraction. PURE."""

from __future__ import annotations

from peer.times import UnixTime

#: Seconds from 1900 to 1970 (RFC 868).
_EPOCH_OFFSET = 2_208_988_800
#: Mask of 64 bits: NTP timestamps.
_MASK = (1 << 64) - 1


def to_ntp(unix_time: float) -> int:
    """Convert seconds since 1970 to a 64-bit NTP timestamp."""
    # The whole seconds apart, so that the fraction keeps what precision the float has.
    whole, fraction = divmod(unix_time, 1.0)
    return (((int(whole) + _EPOCH_OFFSET) << 32) + int(fraction * (1 << 32))) & _MASK


def from_ntp(ntp: int) -> UnixTime:
    """Convert a 64-bit NTP timestamp to seconds since 1970; before 1968 means after 2036."""
    seconds = ntp >> 32
    # RFC 4330 section 3: a clear first bit means that the counter began again in 2036.
    if seconds < 1 << 31:
        seconds += 1 << 32
    return UnixTime(seconds - _EPOCH_OFFSET + (ntp & 0xFFFFFFFF) / (1 << 32))


def compact_ntp(ntp: int) -> int:
    """Return the middle 32 bits, in units of 1/65536 s: the LSR of reception reports."""
    return ntp >> 16 & 0xFFFFFFFF
