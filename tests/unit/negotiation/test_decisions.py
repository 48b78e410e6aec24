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
from peer.negotiation.decisions import Decision, decisions, refusal
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.profile import Profile
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.session import Side, TransceiverOrigin
from peer.rtp.capabilities import capabilities
from peer.rtp_parameters import MediaKind
from peer.states import DtlsRole
from peer.times import UnixTime
from peer.tracing.events import AssociationDecided, Described, Direction, RoleChosen, Verdict

NOW = 12.5
LISTENING = AssociationDecided(
    time=UnixTime(NOW),
    transport="0",
    verdict=Verdict.STARTED,
    reason="ready for a ClientHello before the answer comes",
    section="RFC 5763 section 5",
)


class End:
    """An `OfferAnswer` with what each of its steps decided."""

    def __init__(self, seed: int, *, sections: int = 1, **profile: Any) -> None:
        self.decided: list[Decision] = []
        self.offer_answer = OfferAnswer(
            Profile(
                capabilities={kind: capabilities(kind) for kind in MediaKind},
                fingerprints=(Fingerprint.of_certificate(bytes([seed]), HashFunction.SHA256),),
                cname="cname",
                random=random.Random(seed).randbytes,
                **profile,
            )
        )
        for _ in range(sections):
            self.offer_answer.add_transceiver(
                MediaKind.AUDIO,
                origin=TransceiverOrigin.ADD_TRANSCEIVER,
                direction=MediaDirection.SENDRECV,
            )

    def step(self, side: Side, description: SessionDescription | None = None) -> str:
        """Take a description; the text that is in force then."""
        before = self.offer_answer.session
        self.offer_answer.commit(self.offer_answer.plan(side, description))
        self.decided = list(decisions(before, self.offer_answer.session, UnixTime(NOW)))
        described = self.offer_answer.session.description(side)
        return "" if described is None else str(described.sdp)

    def local(self, kind: SdpType) -> SessionDescription:
        if kind is SdpType.PRANSWER:
            sdp = self.offer_answer.create_answer().sdp
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
    described = Described(time=UnixTime(NOW), direction=Direction.OUT, type="offer", sdp=sdp)
    assert offerer.decided == [described, LISTENING]


def test_an_offer_of_the_peer_decides_nothing_yet(offerer: End, answerer: End) -> None:
    offer = offerer.local(SdpType.OFFER)
    answerer.remote(offer)
    described = Described(time=UnixTime(NOW), direction=Direction.IN, type="offer", sdp=offer.sdp)
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
            time=UnixTime(NOW),
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
        Described(time=UnixTime(NOW), direction=Direction.OUT, type="rollback", sdp="")
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
    decided = refusal(offerer.offer_answer.session, kind("no, because", mid="0"), UnixTime(NOW))
    assert decided == AssociationDecided(
        time=UnixTime(NOW),
        transport="0",
        verdict=Verdict.REFUSED,
        reason="no, because (m-section '0')",
        section=section,
    )


def test_a_description_that_cannot_be_read_decides_nothing(offerer: End) -> None:
    assert (
        refusal(offerer.offer_answer.session, SdpSyntaxError("unreadable"), UnixTime(NOW)) is None
    )


NEW = (Fingerprint.of_certificate(b"another", HashFunction.SHA256),)


def asking(offerer: End, answerer: End) -> None:
    """Two that are connected, and one of them wants new keys."""
    exchange(offerer, answerer)
    offerer.offer_answer.request_rekey(NEW, keep_path=True)


class TestLaterExchanges:
    """What a later exchange means to the association and to ICE."""

    def test_an_offer_of_new_keys_starts_an_association_that_listens(
        self, offerer: End, answerer: End
    ) -> None:
        asking(offerer, answerer)
        offerer.local(SdpType.OFFER)
        assert offerer.decided[1:] == [LISTENING]

    def test_offer_that_replaces_an_offer_decides_nothing_anew(
        self, offerer: End, answerer: End
    ) -> None:
        asking(offerer, answerer)
        offerer.local(SdpType.OFFER)
        offerer.offer_answer.request_data()
        offerer.local(SdpType.OFFER)
        assert [d for d in offerer.decided if d.transport == "0"] == []

    def test_answer_to_a_rekey_starts_an_association_at_both_ends_and_says_why(
        self, offerer: End, answerer: End
    ) -> None:
        asking(offerer, answerer)
        exchange(offerer, answerer)
        for end, words in (
            (answerer, "our tls-id, the peer's fingerprint and the peer's tls-id changed"),
            (offerer, "our fingerprint, our tls-id and the peer's tls-id changed"),
        ):
            assert len(end.roles) == 1
            (decided,) = (d for d in end.decided if isinstance(d, AssociationDecided))
            assert decided.verdict is Verdict.STARTED
            assert decided.reason == f"{words}; on the path in use, as ICE does not restart"
            assert decided.section == "RFC 8842 section 3.1"

    def test_the_final_answer_after_a_provisional_one_keeps_it(
        self, offerer: End, answerer: End
    ) -> None:
        asking(offerer, answerer)
        answerer.remote(offerer.local(SdpType.OFFER))
        offerer.remote(answerer.local(SdpType.PRANSWER))
        assert offerer.verdicts == answerer.verdicts == [("0", Verdict.STARTED)]
        offerer.remote(answerer.local(SdpType.ANSWER))
        assert offerer.roles == answerer.roles == []
        assert offerer.verdicts == answerer.verdicts == [("0", Verdict.KEPT)]

    def test_rekey_with_a_peer_without_tls_id_is_undecided(
        self, offerer: End, answerer: End
    ) -> None:
        def answer_without_tls_id() -> None:
            answerer.remote(offerer.local(SdpType.OFFER))
            text = answerer.local(SdpType.ANSWER).sdp
            lines = [line for line in text.splitlines(True) if not line.startswith("a=tls-id")]
            offerer.remote(SessionDescription("".join(lines), SdpType.ANSWER))

        answer_without_tls_id()
        offerer.offer_answer.request_rekey(NEW)
        answer_without_tls_id()
        (decided,) = (d for d in offerer.decided if isinstance(d, AssociationDecided))
        assert decided.verdict is Verdict.UNDECIDED
        assert "the peer sends no tls-id" in decided.reason

    def test_an_ice_restart_alone_keeps_the_association(self, offerer: End, answerer: End) -> None:
        exchange(offerer, answerer)
        offerer.offer_answer.restart_ice()
        exchange(offerer, answerer)
        for end in (offerer, answerer):
            (decided,) = (d for d in end.decided if isinstance(d, AssociationDecided))
            assert (decided.verdict, decided.section) == (Verdict.KEPT, "RFC 8445 section 9")
            assert decided.reason == "ICE restarts, which alone keeps the association"

    def test_an_ice_restart_with_new_keys_is_told_with_them(
        self, offerer: End, answerer: End
    ) -> None:
        asking(offerer, answerer)
        offerer.offer_answer.restart_ice()
        exchange(offerer, answerer)
        (decided,) = (d for d in offerer.decided if isinstance(d, AssociationDecided))
        assert decided.verdict is Verdict.STARTED
        fresh = "; on the fresh candidates of an ICE restart (RFC 8842 section 6)"
        assert decided.reason.endswith(fresh)

    def test_an_ice_restart_that_the_peer_does_not_follow_is_told(
        self, offerer: End, answerer: End
    ) -> None:
        exchange(offerer, answerer)
        theirs = answerer.offer_answer.session.transports[0].local
        offerer.offer_answer.restart_ice()
        answerer.remote(offerer.local(SdpType.OFFER))
        text = answerer.local(SdpType.ANSWER).sdp
        now = answerer.offer_answer.session.transports[0].local
        text = text.replace(
            f"ice-ufrag:{now.username_fragment}", "ice-ufrag:" + theirs.username_fragment
        )
        text = text.replace(f"ice-pwd:{now.password}", f"ice-pwd:{theirs.password}")
        offerer.remote(SessionDescription(text, SdpType.ANSWER))
        (decided,) = (d for d in offerer.decided if isinstance(d, AssociationDecided))
        assert decided.verdict is Verdict.KEPT
        assert decided.reason == "the peer did not restart ICE: the path before goes on"
