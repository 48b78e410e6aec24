"""Fixed facts of our end of one connection: capabilities, certificate, policies, limits."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from peer.configuration import (
    AnswerRole,
    BundlePolicy,
    IcePolicy,
    RtcpMuxPolicy,
    SdpLimits,
)
from peer.configuration.sdp_leniency import DEFAULT_LENIENCY, SdpLeniency
from peer.configuration.security_policy import BestEffort
from peer.ice import IceParameters
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.negotiation.session import AssociationTerms, LocalIdentity, TransportState
from peer.states import MediaEncryption
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from peer.configuration.sdes import Sdes
    from peer.negotiation.sdes import SdesTerms
    from peer.rtp_parameters import MediaKind, RtpCapabilities
    from peer.states import IceRole


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Fixed facts of our end of one connection.

    Args:
        capabilities: Codecs and header extensions that we can use, for each kind of media.
        fingerprints: Those of the certificate that we show; the same for every connection.
        cname: Canonical name of our RTP streams (RFC 7022).
        random: `random(n)` gives n random bytes.
        shares_port: Offers have one transport whatever the policy is: all m-sections of an offer
            have the same credentials, which tell apart what shares a port.
        ice: Whether a peer without ICE is accepted.
        rtcp_mux: Whether a peer without ICE may have RTCP on a port of its own.
        sctp_port: Our SCTP port.
        max_message_size: Largest data channel message that we take, in bytes.
        max_candidates: Most remote candidates kept for one m-section.
        accepted_hashes: Hash functions that a fingerprint of the peer may use.
        leniency: What is taken of the peer beyond the grammar of SDP.
        best_effort: Whether a peer that shows no keys at all gets plain RTP.
        sdes: Keys that signalling carries, where the application takes them; None where not.
        dtls_in_stun: Whether the checks of ICE carry DTLS, where the peer takes it.
    """

    capabilities: Mapping[MediaKind, RtpCapabilities]
    fingerprints: tuple[Fingerprint, ...]
    cname: str
    random: Callable[[int], bytes]
    bundle_policy: BundlePolicy = BundlePolicy.BALANCED
    shares_port: bool = False
    ice: IcePolicy = IcePolicy.REQUIRE
    rtcp_mux: RtcpMuxPolicy = RtcpMuxPolicy.REQUIRE
    answer_role: AnswerRole = AnswerRole.ACTIVE
    limits: SdpLimits = field(default_factory=SdpLimits)
    sctp_port: int = 5000
    max_message_size: int = 262144
    max_candidates: int = 128
    accepted_hashes: tuple[HashFunction, ...] = tuple(HashFunction)
    leniency: frozenset[SdpLeniency] = DEFAULT_LENIENCY
    best_effort: BestEffort = BestEffort.OFF
    sdes: Sdes | None = None
    dtls_in_stun: bool = False

    def new_transport(
        self,
        mid: str,
        ice_role: IceRole,
        taken: Collection[str],
        fingerprints: tuple[Fingerprint, ...],
        *,
        sdes: SdesTerms | None = None,
    ) -> TransportState:
        """Make a transport with fresh ICE credentials and a fresh tls-id.

        Args:
            mid: Mid of the m-section that the transport is made for.
            ice_role: Our role in ICE.
            taken: Keys of transports that exist.
            fingerprints: Those of the certificate that the transport shows.
            sdes: Its keys, where signalling carries them; None for DTLS.
        """
        identity = LocalIdentity.generate(fingerprints, self.random)
        return TransportState(
            key=f"{mid}-{identity.tls_id[:8]}" if mid in taken else mid,
            local=IceParameters.generate(self.random),
            ice_role=ice_role,
            association=AssociationTerms(number=0, local=identity),
            encryption=MediaEncryption.DTLS_SRTP if sdes is None else MediaEncryption.SDES_SRTP,
            sdes=sdes,
        )
