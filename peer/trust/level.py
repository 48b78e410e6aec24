"""Levels of trust in a peer, and the facts that are known of it. PURE."""

from __future__ import annotations

from enum import StrEnum

from peer.values import dataclass


class TrustLevel(StrEnum):
    """Levels of trust in a peer, the lowest first: each has another fact that says who it is.

    `nothing`: its fingerprint came with the description, so signalling is trusted. `known`: it
    shows the certificate that it is remembered by (RFC 5763 section 8.4). `phrase`: two people
    have compared a phrase (8.5). `signature`: its fingerprints are signed (8.1). `authority`: an
    authority has signed its certificate (8.7).
    """

    NOTHING = "nothing"
    KNOWN = "known"
    PHRASE = "phrase"
    SIGNATURE = "signature"
    AUTHORITY = "authority"

    def reaches(self, least: TrustLevel) -> bool:
        """Tell whether this level is another, or one above it."""
        order = tuple(TrustLevel)
        return order.index(self) >= order.index(least)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerTrust:
    """Identity of the peer of one transport, and the fact that it rests on.

    Args:
        name: The name that it is remembered by, or that a signature or an authority gives it; None
            where nothing names it.
        level: The strongest of what says so.
        first_contact: Whether it was not known before this connection, so that nothing says that
            nobody is in the middle.
    """

    name: str | None = None
    level: TrustLevel = TrustLevel.NOTHING
    first_contact: bool = False

    def __str__(self) -> str:
        who = "the peer" if self.name is None else repr(self.name)
        if self.first_contact and self.level is TrustLevel.NOTHING:
            return f"{who} is unknown: this is the first contact"
        return f"{who} by {self.level.value}"


#: Of a peer of which nothing is known but what signalling said.
UNKNOWN_PEER = PeerTrust()
