"""Peers that are remembered, and the protocol of the stores that do so. PURE."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Protocol

from peer.values import dataclass

if TYPE_CHECKING:
    from peer.identity.fingerprints import Fingerprint

#: Longest name of a peer, in characters (ours).
MAX_NAME = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPeer:
    """A peer that is remembered.

    Args:
        fingerprint: SHA-256 of the certificate that it has shown.
        confirmed: Whether people have compared a phrase with it.
    """

    fingerprint: Fingerprint
    confirmed: bool = False


class PeerStore(Protocol):
    """Store of peers by their names; `KnownPeers` is one, a database of yours another."""

    @abstractmethod
    async def lookup(self, name: str) -> KnownPeer | None:
        """Return what is remembered of a peer, or None.

        Raises:
            TrustStoreError: The store cannot be read; the peer is refused then.
        """

    @abstractmethod
    async def remember(self, name: str, peer: KnownPeer, *, former: KnownPeer | None) -> bool:
        """Remember a peer, where nobody has changed what is remembered of it meanwhile.

        Args:
            name: Its name.
            peer: What is remembered from now on.
            former: What `lookup` returned before.

        Returns:
            False where something else than `former` was there: it stays.

        Raises:
            TrustStoreError: The store cannot be written.
        """
