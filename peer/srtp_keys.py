"""Master keys of SRTP that signalling carries (SDES, RFC 4568), and their crypto suites. PURE."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import Final

from peer.values import dataclass


class CryptoSuite(StrEnum):
    """The crypto suites of RFC 4568 and RFC 7714 that we offer and accept, the strongest first."""

    AEAD_AES_256_GCM = "AEAD_AES_256_GCM"
    AEAD_AES_128_GCM = "AEAD_AES_128_GCM"
    AES_CM_128_HMAC_SHA1_80 = "AES_CM_128_HMAC_SHA1_80"
    AES_CM_128_HMAC_SHA1_32 = "AES_CM_128_HMAC_SHA1_32"

    @property
    def key_size(self) -> int:
        """Bytes of a master key with its salt (RFC 4568 section 6.2, RFC 7714 section 12)."""
        return _KEY_SIZES[self]

    @property
    def is_aead(self) -> bool:
        """True where the tag is a part of the encrypted payload (RFC 7714)."""
        return self in (CryptoSuite.AEAD_AES_256_GCM, CryptoSuite.AEAD_AES_128_GCM)


_KEY_SIZES: Final = {
    CryptoSuite.AEAD_AES_256_GCM: 32 + 12,
    CryptoSuite.AEAD_AES_128_GCM: 16 + 12,
    CryptoSuite.AES_CM_128_HMAC_SHA1_80: 16 + 14,
    CryptoSuite.AES_CM_128_HMAC_SHA1_32: 16 + 14,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SrtpMasterKey:
    """The key of one direction, with which its end sends. `repr` shows nothing of it.

    Args:
        suite: The crypto suite.
        material: Master key and salt.
        mki: Master key identifier that each packet carries; empty for none (RFC 3711 section 3.1).
        lifetime: Packets that its end may send with it; None where nothing is said (RFC 4568
            section 6.1).

    Raises:
        ValueError: The material has not the size that the suite asks for.
    """

    suite: CryptoSuite
    material: bytes = field(repr=False)
    mki: bytes = b""
    lifetime: int | None = None

    def __post_init__(self) -> None:
        if len(self.material) != self.suite.key_size:
            raise ValueError(
                f"a key of {self.suite} has {self.suite.key_size} bytes with its salt, "
                f"not {len(self.material)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SrtpMasterKeys:
    """The keys of both directions of one transport; both are of one suite.

    Args:
        ours: The key that we send with.
        theirs: The key that the peer sends with.
    """

    ours: SrtpMasterKey
    theirs: SrtpMasterKey
