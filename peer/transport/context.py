"""Carries what all parts of one transport share: policy, clock, trace and key log."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import field
from typing import TYPE_CHECKING, Protocol

from peer.configuration.security_policy import SecurityPolicy
from peer.values import dataclass

if TYPE_CHECKING:
    from peer.errors import PeerTrustError
    from peer.identity.fingerprints import Fingerprint
    from peer.identity.shown_certificate import ShownCertificate
    from peer.times import MonotonicTime
    from peer.transport.tap import Tap
    from peer.transport.wire.stun_embedding import StunEmbedding
    from peer.trust.level import PeerTrust

#: Takes one line of a key log, in the format of NSS (SSLKEYLOGFILE).
OnSecret = Callable[[bytes], None]


class PeerJudge(Protocol):
    """Says whether the certificate that a peer has shown is that of the one it has to be."""

    @abstractmethod
    def judge(
        self, shown: ShownCertificate, decide: Callable[[PeerTrustError | None], None]
    ) -> None:
        """Judge a certificate that its description names and whose key the peer has shown.

        Args:
            shown: The certificate, from a complete handshake.
            decide: Called once, now or later: with None to let media pass, or with the reason why
                the peer is refused.
        """

    @abstractmethod
    def trust_in(self, shown: Fingerprint | None) -> PeerTrust:
        """Tell who the peer is that shows a certificate of this SHA-256 fingerprint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportContext:
    """Settings and observers that are handed down unchanged through every layer of a transport.

    Args:
        policy: Accepted SRTP profiles and hashes, early media, handshake timeout.
        clock: Gives the arrival time of packets in seconds, monotonic.
        tap: Told of datagrams, handshakes and drops; None where nobody traces the transport.
        on_secret: Told of the TLS session keys; None where they are not to be logged.
        judge: Decides on the peer's certificate once it fits the description; None where the
            description is all that is asked.
        embedding: The part of the handshake in ICE's checks; None where it is not asked for.
    """

    policy: SecurityPolicy = field(default_factory=SecurityPolicy)
    clock: Callable[[], MonotonicTime] = time.monotonic
    tap: Tap | None = None
    on_secret: OnSecret | None = None
    judge: PeerJudge | None = None
    embedding: StunEmbedding | None = None


#: The context of a transport with the default policy that nobody traces.
DEFAULT_CONTEXT = TransportContext()
