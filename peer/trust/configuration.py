"""Demands of an application on the peer beyond the DTLS handshake: `Trust`. PURE."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING

from peer.errors import ConfigurationError
from peer.trust.level import TrustLevel
from peer.values import assign, dataclass

if TYPE_CHECKING:
    from peer.times import Seconds
    from peer.trust.authority import Authority
    from peer.trust.passport import Signer, Verifier
    from peer.trust.peer_store import PeerStore


class Continuity(StrEnum):
    """Treatment of a peer that shows a certificate it is not remembered by.

    `strict`: who is not known, or has changed, is refused. `ask`: the application decides on both,
    at `peercertificate`. `remember`: who is not known is remembered, and a change is asked about.
    """

    STRICT = "strict"
    ASK = "ask"
    REMEMBER = "remember"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Demands of an application on the peer beyond the DTLS handshake (RFC 5763 section 8).

    Args:
        known_peers: Where peers are remembered by their names; `KnownPeers` is one such store.
        continuity: What becomes of a certificate that the peer is not remembered by.
        authority: The authorities one of which has to vouch for the peer's certificate.
        signer: Signs the fingerprints of our descriptions.
        verifier: Checks the signatures of the peer's: a wrong one is refused, and a missing one
            where a description of this peer was signed before, or `require` asks for it.
        phrase: Take part in a phrase that two people compare; see `PeerConnection.phrase`.
        require: The least level of trust: media and data wait, or the connection fails below it.
        decision_timeout: Longest wait for a decision of the application or of a person, in
            seconds; then the peer is refused.

    Raises:
        ConfigurationError: `require` asks for what nothing here can give, or a value is out of
            its range.
    """

    known_peers: PeerStore | None = None
    continuity: Continuity = Continuity.ASK
    authority: Authority | None = None
    signer: Signer | None = None
    verifier: Verifier | None = None
    phrase: bool = False
    require: TrustLevel = TrustLevel.NOTHING
    decision_timeout: Seconds = 300.0

    def __post_init__(self) -> None:
        for name, enum in (("continuity", Continuity), ("require", TrustLevel)):
            try:
                assign(self, name, enum(getattr(self, name)))
            except ValueError:
                choices = ", ".join(repr(member.value) for member in enum)
                raise ConfigurationError(f"{name} of Trust is one of {choices}") from None
        if not (math.isfinite(self.decision_timeout) and self.decision_timeout > 0):
            raise ConfigurationError("decision_timeout is a positive number of seconds")
        if not any(level.reaches(self.require) for level in self._reachable()):
            raise ConfigurationError(
                f"require is {self.require.value!r}, and nothing in this Trust can give that"
            )

    def _reachable(self) -> list[TrustLevel]:
        given = {
            TrustLevel.KNOWN: self.known_peers is not None,
            TrustLevel.PHRASE: self.phrase,
            TrustLevel.SIGNATURE: self.verifier is not None,
            TrustLevel.AUTHORITY: self.authority is not None,
        }
        return [TrustLevel.NOTHING, *(level for level, there in given.items() if there)]
