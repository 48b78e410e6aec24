"""Parts that a connection begins with: new ones, or copies of those of the one that it forks."""

from __future__ import annotations

import itertools
import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from peer.identity.certificate import Certificate, CertificateStore, offered
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.profile import Profile
from peer.rtp_parameters import MediaKind
from peer.values import dataclass

if TYPE_CHECKING:
    from peer.configuration import PeerConfiguration
    from peer.rtp_parameters import RtpCapabilities

#: Numbers the connections of this process, for its log and its traces.
_numbers = itertools.count(1)


class InstalledCapabilities(Mapping[MediaKind, "RtpCapabilities"]):
    """Codecs and header extensions of this machine for each kind of media.

    PyAV is asked for its codecs when the first kind is looked up: data needs none.
    """

    def __getitem__(self, kind: MediaKind) -> RtpCapabilities:
        from peer.rtp.capabilities import capabilities

        return capabilities(kind)

    def __iter__(self) -> Iterator[MediaKind]:
        return iter(MediaKind)

    def __len__(self) -> int:
        return len(MediaKind)


@dataclass(frozen=True, slots=True)
class ConnectionOrigin:
    """The parts that a connection begins with, for it alone.

    Args:
        id: The name of the connection, such as `pc-3`, or `pc-3/2` for its second fork.
        certificates: What it shows.
        offer_answer: Its session, and the versions of its descriptions.
        on_closed: Called when it is closed.
    """

    id: str
    certificates: CertificateStore
    offer_answer: OfferAnswer
    on_closed: Callable[[], None]


def new_origin(configuration: PeerConfiguration) -> ConnectionOrigin:
    """Make the parts of a connection that is no fork."""
    certificates = CertificateStore(offered(configuration.certificates) or Certificate.generate())
    profile = Profile(
        capabilities=InstalledCapabilities(),
        fingerprints=certificates.first,
        cname=str(uuid.uuid4()),
        random=secrets.token_bytes,
        bundle_policy=configuration.bundlePolicy,
        shares_port=configuration.one_port is not None,
        ice=configuration.ice,
        rtcp_mux=configuration.rtcp_mux,
        answer_role=configuration.answer_role,
        limits=configuration.sdp_limits,
        max_candidates=configuration.max_candidates,
        accepted_hashes=configuration.security.accepted_hashes,
        leniency=frozenset(configuration.sdp_leniency),
        best_effort=configuration.best_effort,
        sdes=configuration.sdes,
        dtls_in_stun=configuration.dtls_in_stun,
    )
    offer_answer = OfferAnswer(profile)
    if configuration.alwaysNegotiateDataChannels:
        offer_answer.always_negotiate_data(always=True)
    return ConnectionOrigin(f"pc-{next(_numbers)}", certificates, offer_answer, do_nothing)


def do_nothing() -> None:
    """Stand for the connection that a connection which is no fork comes from."""
