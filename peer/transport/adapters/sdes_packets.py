"""SRTP of one transport under keys that signalling carries, by libsrtp (RFC 4568)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from peer.srtp_keys import CryptoSuite
from peer.transport.adapters.srtp import Srtp

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.srtp_keys import SrtpMasterKey, SrtpMasterKeys

#: Bytes of the tag behind the MKI of SRTP; none with AEAD, whose tag is in the payload.
_SRTP_TAG: Final = {
    CryptoSuite.AES_CM_128_HMAC_SHA1_80: 10,
    CryptoSuite.AES_CM_128_HMAC_SHA1_32: 4,
}
#: The same of SRTCP: 80 bits for both (RFC 4568 section 6.2.2).
_SRTCP_TAG: Final = {
    CryptoSuite.AES_CM_128_HMAC_SHA1_80: 10,
    CryptoSuite.AES_CM_128_HMAC_SHA1_32: 10,
}


class SdesPackets:
    """Both directions of the SRTP of one transport, each with its key and its own context.

    Args:
        keys: The keys of both directions.

    Attributes:
        sends: Protects our packets.
        unprotect: Authenticates and decrypts an SRTP packet; None where it is not the peer's.
        unprotect_rtcp: Authenticates and decrypts an SRTCP packet; None where it is not the peer's.
    """

    def __init__(
        self, keys: SrtpMasterKeys, *, sends: Srtp | None = None, takes: Srtp | None = None
    ) -> None:
        made = Srtp.of_keys(ours=keys.ours, theirs=keys.theirs)
        self.sends, self._takes = sends or made, takes or made
        self.unprotect = _without_mki(self._takes.unprotect, keys.theirs, _SRTP_TAG)
        self.unprotect_rtcp = _without_mki(self._takes.unprotect_rtcp, keys.theirs, _SRTCP_TAG)

    def renewed(self, before: SrtpMasterKeys, keys: SrtpMasterKeys) -> SdesPackets:
        """Give what follows with other keys: a direction whose key stays keeps its context.

        Args:
            before: The keys until now.
            keys: The keys from now on.
        """
        return SdesPackets(
            keys,
            sends=self.sends if keys.ours == before.ours else None,
            takes=self._takes if keys.theirs == before.theirs else None,
        )


def _without_mki(
    unprotect: Callable[[bytes], bytes | None],
    key: SrtpMasterKey,
    tags: dict[CryptoSuite, int],
) -> Callable[[bytes], bytes | None]:
    """Take the master key identifier out of each packet, which libsrtp is not told of.

    It stands in front of the tag, and is no part of what is authenticated (RFC 3711 section 3.1);
    with AEAD it is the last field (RFC 7714 section 8.2). A peer that names one and sends none is
    understood as well.
    """
    mki, tag = key.mki, tags.get(key.suite, 0)
    if not mki:
        return unprotect

    def operate(packet: bytes) -> bytes | None:
        end = len(packet) - tag
        if packet.endswith(mki, 0, end):
            packet = packet[: end - len(mki)] + packet[end:]
        return unprotect(packet)

    return operate
