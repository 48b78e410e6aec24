"""The judge of the certificates that one transport is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.errors import PeerTrustError
    from peer.identity.fingerprints import Fingerprint
    from peer.identity.shown_certificate import ShownCertificate
    from peer.transport.context import PeerJudge
    from peer.trust.level import PeerTrust


class JudgeOfTransport:
    """Passes the certificates that one transport is shown on to the judge of its connection.

    Args:
        judged_by: That judge; a fork that takes the transport over puts its own in its place.
    """

    def __init__(self, judged_by: PeerJudge) -> None:
        self.judged_by = judged_by

    def judge(
        self, shown: ShownCertificate, decide: Callable[[PeerTrustError | None], None]
    ) -> None:
        """Judge a certificate, as `PeerJudge.judge`."""
        self.judged_by.judge(shown, decide)

    def trust_in(self, shown: Fingerprint | None) -> PeerTrust:
        """Tell who the peer is that shows a certificate, as `PeerJudge.trust_in`."""
        return self.judged_by.trust_in(shown)
