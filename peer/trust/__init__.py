"""Identity of the peer: known peers, phrases, signatures, authorities (RFC 5763 section 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.lazy_names import lazy_names

if TYPE_CHECKING:
    from peer.errors import IdentityFault
    from peer.trust.authority import Authority, VerifiedChain
    from peer.trust.configuration import Continuity, Trust
    from peer.trust.gate import PeerCertificateEvent
    from peer.trust.key_sources import CertificateKeys, CertificateUrlKeys, JwksKeys
    from peer.trust.known_peers import KnownPeers
    from peer.trust.level import PeerTrust, TrustLevel
    from peer.trust.passport import KeySource, PublicKeys, SignedIdentity, Signer, Verifier
    from peer.trust.peer_store import KnownPeer, PeerStore
    from peer.trust.phrase import Phrase

_HOMES = {
    "peer.errors": "IdentityFault",
    "peer.trust.authority": "Authority VerifiedChain",
    "peer.trust.configuration": "Continuity Trust",
    "peer.trust.gate": "PeerCertificateEvent",
    "peer.trust.key_sources": "CertificateKeys CertificateUrlKeys JwksKeys",
    "peer.trust.known_peers": "KnownPeers",
    "peer.trust.level": "PeerTrust TrustLevel",
    "peer.trust.passport": "KeySource PublicKeys SignedIdentity Signer Verifier",
    "peer.trust.peer_store": "KnownPeer PeerStore",
    "peer.trust.phrase": "Phrase",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)

__all__ = [
    "Authority",
    "CertificateKeys",
    "CertificateUrlKeys",
    "Continuity",
    "IdentityFault",
    "JwksKeys",
    "KeySource",
    "KnownPeer",
    "KnownPeers",
    "PeerCertificateEvent",
    "PeerStore",
    "PeerTrust",
    "Phrase",
    "PublicKeys",
    "SignedIdentity",
    "Signer",
    "Trust",
    "TrustLevel",
    "VerifiedChain",
    "Verifier",
]
