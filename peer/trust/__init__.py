"""Identity of the peer: known peers, phrases, signatures, authorities (RFC 5763 section 8)."""

from peer.trust.authority import Authority, VerifiedChain
from peer.trust.configuration import Continuity, Trust
from peer.trust.gate import PeerCertificateEvent
from peer.trust.key_sources import CertificateKeys, JwksKeys
from peer.trust.known_peers import KnownPeers
from peer.trust.level import PeerTrust, TrustLevel
from peer.trust.passport import KeySource, PublicKeys, SignedIdentity, Signer, Verifier
from peer.trust.peer_store import KnownPeer, PeerStore
from peer.trust.phrase import Phrase

__all__ = [
    "Authority",
    "CertificateKeys",
    "Continuity",
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
