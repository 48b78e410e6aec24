"""Forges SRTP packets from genuine ones that were seen on the path."""

from __future__ import annotations

import random
from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from pylibsrtp import Policy, Session

if TYPE_CHECKING:
    from collections.abc import Callable

#: Number of genuine packets that are kept to forge from.
_KEPT: Final = 64
#: Sizes in bytes that our sockets do not take, and that SRTP does not take.
TOO_LARGE_FOR_A_SOCKET: Final = 2048
_TOO_LARGE_FOR_SRTP: Final = 1501


class Forgery(StrEnum):
    """Method by which a packet is forged."""

    REPLAYED = "replayed"
    ALTERED = "altered"
    WRONG_KEY = "wrong key"
    OTHER_STREAM = "wrong key, on a stream that was never heard of"
    TRUNCATED = "truncated"
    LENGTHENED = "lengthened"
    TOO_LARGE = "larger than SRTP can be"
    OVERSIZED = "larger than a datagram of ours can be"
    GARBAGE = "garbage"


class Forger:
    """Forges SRTP packets from the genuine packets that it was shown.

    Args:
        seed: Makes every choice repeatable.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._seen: deque[bytes] = deque(maxlen=_KEPT)
        policy = Policy(
            key=self._random.randbytes(44),
            ssrc_type=Policy.SSRC_ANY_OUTBOUND,
            srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
        )
        self._session = Session(policy)
        self._make: dict[Forgery, Callable[[bytes], bytes]] = {
            Forgery.REPLAYED: lambda genuine: genuine,
            Forgery.ALTERED: self._altered,
            Forgery.WRONG_KEY: self._wrong_key,
            Forgery.OTHER_STREAM: self._other_stream,
            Forgery.TRUNCATED: lambda genuine: genuine[: self._random.randrange(1, len(genuine))],
            Forgery.LENGTHENED: lambda genuine: (
                genuine + self._random.randbytes(self._random.randint(1, 200))
            ),
            Forgery.TOO_LARGE: lambda genuine: genuine + bytes(_TOO_LARGE_FOR_SRTP),
            Forgery.OVERSIZED: lambda genuine: genuine + bytes(TOO_LARGE_FOR_A_SOCKET),
            Forgery.GARBAGE: lambda genuine: (
                bytes((self._random.randint(128, 191),)) + self._random.randbytes(len(genuine))
            ),
        }

    def show(self, datagram: bytes) -> None:
        """Note a genuine datagram to forge from; others than SRTP are ignored."""
        if 128 <= datagram[0] <= 191:
            self._seen.append(datagram)

    def forge(self) -> tuple[Forgery, bytes]:
        """Forge one packet by a random method."""
        kind = self._random.choice(list(Forgery))
        return kind, self._make[kind](self._random.choice(self._seen))

    def _altered(self, genuine: bytes) -> bytes:
        # Anywhere behind the first two octets, so that it stays RTP or RTCP.
        data = bytearray(genuine)
        data[self._random.randrange(2, len(data))] ^= 1 << self._random.randrange(8)
        return bytes(data)

    def _wrong_key(self, genuine: bytes) -> bytes:
        # A sequence number anywhere, as if to move the window of the genuine stream.
        header = b"\x80" + genuine[1:2] + self._random.randbytes(2) + genuine[4:8] + genuine[8:12]
        return self._protected(header)

    def _other_stream(self, genuine: bytes) -> bytes:
        return self._protected(b"\x80" + genuine[1:2] + self._random.randbytes(10))

    def _protected(self, header: bytes) -> bytes:
        if 192 <= header[1] <= 223:
            return self._session.protect_rtcp(b"\x80\xc9\x00\x01" + header[8:12])
        try:
            return self._session.protect(header + self._random.randbytes(40))
        finally:
            # It would refuse numbers that go back, as numbers anywhere do.
            self._session.remove_stream(int.from_bytes(header[8:12]))
