from __future__ import annotations

import random
from typing import Any

import pytest

from peer.configuration import AnswerRole, BundlePolicy
from peer.descriptions import SdpType, SessionDescription
from peer.errors import (
    DescriptionError,
    FingerprintError,
    ModificationError,
    SdpSyntaxError,
    SetupError,
)
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.negotiation.attributes import Direction as MediaDirection
from peer.negotiation.decisions import Decision, decisions, refusal
from peer.negotiation.negotiator import Negotiator
from peer.negotiation.profile import Profile
from peer.negotiation.session import Birth
from peer.negotiation.state import Side
from peer.rtp.capabilities import capabilities
from peer.rtp_parameters import MediaKind
from peer.states import DtlsRole
from peer.trace import AssociationDecided, Described, Direction, RoleChosen, Verdict

NOW = 12.5
LISTENING = AssociationDecided(
    time=NOW,
    transport="0",
    verdict=Verdict.STARTED,
    reason="ready for a ClientHello before the answer comes",
    section="RFC 5763 section 5",
)


class End:
    """A negotiator with what each of its steps decided."""

    def __init__(self, seed: int, *, sections: int = 1, **profile: Any) -> None:
        self.decided: list[Decision] = []
        self.negotiator = Negotiator(
            Profile(
                capabilities={kind: capabilities(kind) for kind in MediaKind},
                fingerprints=(Fingerprint.of_certificate(bytes([seed]), HashFunction.SHA256),),
                cname="cname",
                random=random.Random(seed).randbytes,
                **profile,
            )
        )
        for _ in range(sections):
            self.negotiator.add_transceiver(
                MediaKind.AUDIO, birth=Birth.ADD_TRANSCEIVER, direction=MediaDirection.SENDRECV
            )

    def step(self, side: Side, description: SessionDescription | None = None) -> str:
        """Take a description; the text that is in force then."""
        before = self.negotiator.session
        self.negotiator.commit(self.negotiator.plan(side, description))
        self.decided = list(decisions(before, self.negotiator.session, NOW))
        described = self.negotiator.session.description(side)
        return "" if described is None else str(described.sdp)

    def local(self, kind: SdpType) -> SessionDescription:
        if kind is SdpType.PRANSWER:
            sdp = self.negotiator.create_answer().sdp
            return SessionDescription(self.step(Side.LOCAL, SessionDescription(sdp, kind)), kind)
        return SessionDescription(self.step(Side.LOCAL), kind)

    def remote(self, description: SessionDescription) -> None:
        self.step(Side.REMOTE, description)

    @property
    def verdicts(self) -> list[tuple[str | None, Verdict]]:
        return [(d.transport, d.verdict) for d in self.decided if isinstance(d, AssociationDecided)]

    @property
    def roles(self) -> list[RoleChosen]:
        return [d for d in self.decided if isinstance(d, RoleChosen)]


@pytest.fixture
def offerer() -> End:
    return End(1)


@pytest.fixture
def answerer() -> End:
    return End(2, sections=0)


def exchange(offerer: End, answerer: End) -> None:
    answerer.remote(offerer.local(SdpType.OFFER))
    offerer.remote(answerer.local(SdpType.ANSWER))


def test_an_offer_of_ours_starts_an_association_that_listens(offerer: End) -> None:
    sdp = offerer.local(SdpType.OFFER).sdp
    described = Described(time=NOW, direction=Direction.OUT, type="offer", sdp=sdp)
    assert offerer.decided == [described, LISTENING]


def test_an_offer_of_the_peer_decides_nothing_yet(offerer: End, answerer: End) -> None:
    offer = offerer.local(SdpType.OFFER)
    answerer.remote(offer)
    described = Described(time=NOW, direction=Direction.IN, type="offer", sdp=offer.sdp)
    assert answerer.decided == [described]


@pytest.mark.parametrize(
    ("preference", "answered", "role"),
    [
        (AnswerRole.ACTIVE, "active", DtlsRole.CLIENT),
        (AnswerRole.PASSIVE, "passive", DtlsRole.SERVER),
    ],
)
def test_our_answer_chooses_the_role(
    offerer: End, preference: AnswerRole, answered: str, role: DtlsRole
) -> None:
    answerer = End(2, sections=0, answer_role=preference)
    answerer.remote(offerer.local(SdpType.OFFER))
    answerer.local(SdpType.ANSWER)
    assert answerer.roles == [
        RoleChosen(
            time=NOW,
            transport="0",
            role=role,
            offered="actpass",
            answered=answered,
            section="RFC 5763 section 5",
        )
    ]
    assert answerer.verdicts == [("0", Verdict.STARTED)]


@pytest.mark.parametrize(
    ("preference", "role", "verdict"),
    [
        (AnswerRole.ACTIVE, DtlsRole.SERVER, Verdict.KEPT),
        (AnswerRole.PASSIVE, DtlsRole.CLIENT, Verdict.STARTED),
    ],
)
def test_the_answer_decides_whether_what_listens_goes_on(
    offerer: End, preference: AnswerRole, role: DtlsRole, verdict: Verdict
) -> None:
    exchange(offerer, End(2, sections=0, answer_role=preference))
    assert [chosen.role for chosen in offerer.roles] == [role]
    assert offerer.verdicts == [("0", verdict)]


def test_an_offer_that_takes_a_role_is_judged_by_the_older_table(answerer: End) -> None:
    offerer = End(1)
    offer = offerer.local(SdpType.OFFER)
    active = offer.sdp.replace("a=setup:actpass", "a=setup:active")
    answerer.remote(SessionDescription(active, SdpType.OFFER))
    answerer.local(SdpType.ANSWER)
    (chosen,) = answerer.roles
    assert (chosen.offered, chosen.answered) == ("active", "passive")
    assert chosen.section == "RFC 4145 section 4.1"


def test_a_provisional_answer_decides_and_the_final_one_keeps(offerer: End, answerer: End) -> None:
    answerer.remote(offerer.local(SdpType.OFFER))
    offerer.remote(answerer.local(SdpType.PRANSWER))
    assert [d.type for d in offerer.decided if isinstance(d, Described)] == ["pranswer"]
    assert len(offerer.roles) == len(answerer.roles) == 1
    offerer.remote(answerer.local(SdpType.ANSWER))
    assert offerer.roles == answerer.roles == []
    assert offerer.verdicts == answerer.verdicts == [("0", Verdict.KEPT)]


def test_a_second_exchange_keeps_the_association_at_both_ends(offerer: End, answerer: End) -> None:
    exchange(offerer, answerer)
    exchange(answerer, offerer)
    for end in (offerer, answerer):
        assert end.roles == []
        (kept,) = (d for d in end.decided if isinstance(d, AssociationDecided))
        assert (kept.verdict, kept.section) == (Verdict.KEPT, "RFC 5763 section 6.6")


def test_a_second_offer_decides_nothing_of_what_stands(offerer: End, answerer: End) -> None:
    exchange(offerer, answerer)
    offerer.local(SdpType.OFFER)
    assert [type(d) for d in offerer.decided] == [Described]


def test_each_transport_has_its_own_decision() -> None:
    offerer = End(1, sections=2, bundle_policy=BundlePolicy.MAX_COMPAT)
    offerer.local(SdpType.OFFER)
    assert offerer.verdicts == [("0", Verdict.STARTED), ("1", Verdict.STARTED)]


def test_an_offer_taken_back_is_a_rollback(offerer: End) -> None:
    offerer.local(SdpType.OFFER)
    offerer.step(Side.LOCAL, SessionDescription("", SdpType.ROLLBACK))
    assert offerer.decided == [
        Described(time=NOW, direction=Direction.OUT, type="rollback", sdp="")
    ]


def test_an_offer_that_gives_way_to_the_peers_is_a_rollback_first(offerer: End) -> None:
    other = End(2)
    offerer.local(SdpType.OFFER)
    offerer.remote(other.local(SdpType.OFFER))
    described = [d for d in offerer.decided if isinstance(d, Described)]
    assert [(d.direction, d.type) for d in described] == [("out", "rollback"), ("in", "offer")]


@pytest.mark.parametrize(
    ("kind", "section"),
    [
        (SetupError, "RFC 5763 section 5"),
        (FingerprintError, "RFC 8122 section 5"),
        (ModificationError, "RFC 8842 section 3.1"),
    ],
)
def test_a_refusal_names_the_association_and_the_reason(
    offerer: End, answerer: End, kind: type[DescriptionError], section: str
) -> None:
    exchange(offerer, answerer)
    decided = refusal(offerer.negotiator.session, kind("no, because", mid="0"), NOW)
    assert decided == AssociationDecided(
        time=NOW,
        transport="0",
        verdict=Verdict.REFUSED,
        reason="no, because (m-section '0')",
        section=section,
    )


def test_a_description_that_cannot_be_read_decides_nothing(offerer: End) -> None:
    assert refusal(offerer.negotiator.session, SdpSyntaxError("unreadable"), NOW) is None
