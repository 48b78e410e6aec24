from __future__ import annotations

import secrets

import pytest

from peer.configuration import BundlePolicy
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.negotiation.early_media import early_receptions
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.profile import Profile
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.session import Side, TransceiverOrigin
from peer.rtp.capabilities import capabilities
from peer.rtp_parameters import MediaKind


def offer_answer(policy: BundlePolicy, *directions: MediaDirection) -> OfferAnswer:
    """An offer of an m-section for each direction, which is not yet set."""
    made = OfferAnswer(
        Profile(
            capabilities={kind: capabilities(kind) for kind in MediaKind},
            fingerprints=(Fingerprint.of_certificate(b"", HashFunction.SHA256),),
            cname="c",
            random=secrets.token_bytes,
            bundle_policy=policy,
        )
    )
    for direction in directions:
        made.add_transceiver(
            MediaKind.AUDIO,
            origin=TransceiverOrigin.ADD_TRANSCEIVER,
            direction=direction,
            streams=(),
            has_track=False,
        )
    return made


def offered(policy: BundlePolicy, *directions: MediaDirection) -> OfferAnswer:
    made = offer_answer(policy, *directions)
    made.commit(made.plan(Side.LOCAL, None))
    return made


def mids(made: OfferAnswer, transport: str) -> list[str]:
    return [each.parameters.mid for each in early_receptions(made.session, transport)]


def test_nothing_is_received_early_without_an_offer() -> None:
    assert mids(offer_answer(BundlePolicy.BALANCED, MediaDirection.SENDRECV), "0") == []


def test_section_that_only_sends_is_not_received_early() -> None:
    made = offered(BundlePolicy.BALANCED, MediaDirection.SENDONLY, MediaDirection.RECVONLY)

    assert mids(made, "0") == ["1"]


@pytest.mark.parametrize("policy", BundlePolicy)
@pytest.mark.parametrize("transport", ["0", "1"])
def test_a_peer_that_bundles_may_send_everything_over_one_transport(
    policy: BundlePolicy, transport: str
) -> None:
    made = offered(policy, MediaDirection.SENDRECV, MediaDirection.SENDRECV)
    exists = made.session.transport(transport) is not None

    assert mids(made, transport) == (["0", "1"] if exists else [])


def test_early_media_is_received_as_it_was_offered() -> None:
    made = offered(BundlePolicy.BALANCED, MediaDirection.SENDRECV)

    (reception,) = early_receptions(made.session, "0")
    (section,) = made.session.layout
    formats = tuple(str(codec.payload_type) for codec in reception.parameters.codecs)
    assert formats == section.media_line.formats
    assert [each.id for each in reception.parameters.extensions] == [e.id for e in section.extmaps]
    assert reception.parameters.ssrcs == ()


def test_section_agreed_before_is_not_received_early() -> None:
    left = offered(BundlePolicy.BALANCED, MediaDirection.SENDRECV)
    right = offer_answer(BundlePolicy.BALANCED)
    for here, there in ((left, right), (right, left)):
        description = here.described(Side.LOCAL, pending=True, gathered={})
        if description is None:
            here.commit(here.plan(Side.LOCAL, None))
            description = here.described(Side.LOCAL, pending=False, gathered={})
        there.commit(there.plan(Side.REMOTE, description))
    left.commit(left.plan(Side.LOCAL, None))

    assert left.session.state == "have-local-offer"
    assert mids(left, "0") == []
