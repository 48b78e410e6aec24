"""A peer that offers again and again, each time a little otherwise, and what must hold of our end.

Every description of its is accepted with a session that fits together, or refused by a `PeerError`
that leaves nothing behind. One that was accepted is accepted again, and changes nothing then.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peer.configuration import AnswerRole, BundlePolicy
from peer.descriptions import SdpType, SessionDescription
from peer.errors import CandidateError, InvalidStateError, RemoteError
from peer.ice import IceCandidate
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.session import Side, TransceiverOrigin
from peer.negotiation.validation import accepted_fingerprints, check_answer, ice_parameters
from peer.states import SignalingState
from tests.support.descriptions import NAMES, load
from tests.support.negotiation.edits import (
    EDITS,
    Draft,
    groups,
    is_rejected,
    reject,
    renewed,
    set_value,
    value,
)
from tests.support.negotiation.effects import RecordedExecutor
from tests.support.negotiation.offer_answer import ROLLBACK, add, an_offer, described, profile
from tests.support.negotiation.sessions import as_read, check_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.negotiation.offer_answer import Plan
    from peer.negotiation.session import Session

#: Offers of peers of our own kind, with different m-sections and BUNDLE policies.
_OURS = tuple(
    an_offer(*kinds, policy=policy).sdp
    for policy in BundlePolicy
    for kinds in (
        ("audio",),
        ("audio", "video"),
        ("audio", "video", "data"),
        ("video", "audio", "audio"),
    )
)
#: Offers of other stacks.
_REAL = tuple(load(name) for name in NAMES if name.endswith("offer"))
#: One in so many sequences begins with an offer of another stack, which are long.
_REAL_EVERY = 12
_NAMES = tuple(EDITS)
_TRANSPORT = ("ice-ufrag", "ice-pwd", "fingerprint", "tls-id")
_S = SignalingState


@dataclass
class Reoffers:
    """One sequence, by its seed.

    Attributes:
        seed: The same seed makes the same sequence.
        happened: What happened, in words, for a failure.
        counts: How often what came of a description.
    """

    seed: int
    happened: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.rng = rng = random.Random(self.seed)
        self.end = OfferAnswer(
            profile(
                self.seed,
                bundle_policy=rng.choice(tuple(BundlePolicy)),
                answer_role=rng.choice(tuple(AnswerRole)),
            )
        )
        self.executor = RecordedExecutor()
        texts = _REAL if rng.randrange(_REAL_EVERY) == 0 else _OURS
        #: What the peer described last, in the form of an offer.
        self.base = Draft.of(rng.choice(texts))
        self.exchanged = False
        self.all_taken = False
        self.replaced = False

    def run(self, steps: int) -> None:
        """Let so many steps happen; an assertion that fails says how it came to it."""
        try:
            for _ in range(self.rng.randrange(2)):
                self._wish()
            self._offered(edits=self.rng.choice((0, 0, 1)))
            for _ in range(steps):
                self._step()
        except Exception as error:
            error.add_note(f"seed {self.seed}: {'; '.join(self.happened)}")
            raise

    def _step(self) -> None:
        rng = self.rng
        acts: tuple[Callable[[], None], ...] = (
            *(lambda: self._offered(edits=rng.choice((1, 1, 1, 2, 3))),) * 6,
            self._offer,
            self._offer,
            self._wish,
            self._candidate,
            self._find_out,
        )
        rng.choice(acts)()

    # What the peer offers

    def _edited(self, draft: Draft, edits: int) -> Draft:
        draft = draft.copy()
        for _ in range(edits):
            name = self.rng.choice(_NAMES)
            EDITS[name](draft, self.rng)
            self.happened.append(name)
        return draft

    def _offered(self, *, edits: int) -> None:
        """The peer offers; we answer, answer provisionally first, or one end takes it back."""
        if not self.exchanged and self.end.session.state is not _S.STABLE:
            return
        draft = self._edited(self.base, edits)
        if not self._take(draft, SdpType.OFFER):
            return
        self.replaced = False
        for _ in range(self.rng.choice((0, 0, 0, 1, 2))):
            draft = self._before_the_answer(draft)
            if self._state() is _S.STABLE:
                return
        match self.rng.randrange(6):
            case 0:
                self._set(self.rng.choice(tuple(Side)), ROLLBACK)
                return
            case 1:
                self._set(Side.LOCAL, SessionDescription("", SdpType.PRANSWER))
                if self.rng.random() < 0.5:
                    self._wish()
            case _:
                pass
        self._answer(draft)
        if self.rng.random() < 0.3:
            self._offered_again()

    def _before_the_answer(self, draft: Draft) -> Draft:
        """Something happens while an offer waits; gives the one that waits then, if any does."""
        match self.rng.randrange(4):
            case 0:
                second = self._edited(draft, 1)
                if self._take(second, SdpType.OFFER):
                    self.replaced = True
                    return second
            case 1:
                self._set(Side.REMOTE, ROLLBACK)
                # A place that got its mid by the offer before has none now.
                assert self._take(draft, SdpType.OFFER) or self.replaced, "it was accepted before"
            case 2:
                self._wish()
            case _:
                self._candidate()
        return draft

    def _answer(self, draft: Draft) -> None:
        self._set(Side.LOCAL, None)
        session = self.end.session
        offered, answered = session.current_remote, session.current_local
        assert offered is not None
        assert answered is not None
        check_answer(offered.sdp, as_read(answered.sdp))
        _check_identities(session)
        self.exchanged = True
        self.base = draft.copy()
        self.all_taken = True
        for section, ours in zip(self.base.media, answered.sdp.media, strict=True):
            if ours.rejected and not is_rejected(section):
                reject(section)
                self.all_taken = False
            elif not ours.rejected and "a=bundle-only" in section:
                section.remove("a=bundle-only")
                head = section[0].split(" ")
                section[0] = " ".join((head[0], "9", *head[2:]))

    def _offered_again(self) -> None:
        """What was agreed is offered once more: nothing changes.

        But where we rejected an m-section, others may have lost the attributes of their transport:
        then this offer may be refused.
        """
        self.happened.append("again")
        before = self.end.session
        again = self.base.copy()
        if not self._take(again, SdpType.OFFER):
            assert not self.all_taken, "what was agreed on is refused"
            assert self._lacks_transport(again), "it is refused for no reason"
            return
        self._set(Side.LOCAL, None)
        after = self.end.session
        assert not self.all_taken or after.transports == before.transports
        assert after.routes == before.routes
        assert [t.mid for t in after.transceivers if t.mid] == [
            t.mid for t in before.transceivers if t.mid
        ]

    def _lacks_transport(self, draft: Draft) -> bool:
        """Whether an m-section that is not rejected has no transport attributes of its own."""
        return any(
            not (value(section, name) or value(draft.session, name))
            for section in draft.media
            if not is_rejected(section)
            for name in ("ice-ufrag", "ice-pwd", "fingerprint")
        )

    def _take(self, draft: Draft, kind: SdpType) -> bool:
        """Give a description of the peer; whether it was accepted."""
        before = self._snapshot()
        description = SessionDescription(str(draft), kind)
        refusal, plan = None, None
        try:
            plan = self.end.plan(Side.REMOTE, description)
        except RemoteError as error:
            refusal = error
        assert self._snapshot() == before, f"something has changed: {refusal!r}"
        if plan is None:
            self.counts[type(refusal).__name__] += 1
            self.happened.append(f"{kind} refused: {refusal}")
            return False
        if self.rng.randrange(20) == 0:
            self._cannot_prepare(description)
        self._carry_out(plan)
        self.counts[f"{kind} accepted"] += 1
        self.happened.append(f"{kind} accepted")
        return True

    def _cannot_prepare(self, description: SessionDescription) -> None:
        """The sockets cannot be had: as if nothing had been asked."""
        before = self._snapshot()
        plan = self.end.plan(Side.REMOTE, description)
        self.executor.prepare(plan.prepare)
        self.executor.discard(plan.prepare)
        assert self._snapshot() == before
        self.executor.check(self.end.session)

    def _snapshot(self) -> tuple[object, ...]:
        """All that an end holds: the session, its tables, and what the executor has opened."""
        session = self.end.session
        return (
            id(session),
            tuple(session.routes.items()),
            tuple(session.offer_verdicts.items()),
            self.end.negotiation_needed,
            self.end.peer_trickles,
            repr(self.end),
            repr(vars(self.executor)),
        )

    # What our end does

    def _set(self, side: Side, description: SessionDescription | None) -> None:
        self._carry_out(self.end.plan(side, description))
        self.happened.append(f"set {side.value} {description.type if description else ''}")

    def _carry_out(self, plan: Plan) -> None:
        self.executor.prepare(plan.prepare)
        self.executor.apply(self.end.commit(plan))
        self._check()

    def _state(self) -> SignalingState:
        return self.end.session.state

    def _check(self) -> None:
        check_session(self.end.session)
        self.executor.check(self.end.session)

    def _offer(self) -> None:
        """We offer; the peer answers as it should, or a little otherwise, or offers itself."""
        if not self.exchanged:
            return
        try:
            self._set(Side.LOCAL, None)
        except InvalidStateError as error:
            if "payload type" in str(error):
                # The peer has left no number for a codec.
                return
            raise
        good = self._good_answer(Draft.of(described(self.end, Side.LOCAL).sdp))
        match self.rng.randrange(6):
            case 0:
                draft = self._edited(good, 1)
                if self._take(draft, SdpType.PRANSWER):
                    good = draft
            case 1:
                # Glare: we are the polite end.
                self._offered(edits=1)
            case 2:
                self._candidate()
            case 3:
                self._wish()
            case _:
                pass
        if self._state() is not _S.STABLE:
            self._answered(good)

    def _answered(self, good: Draft) -> None:
        """The peer answers a little otherwise than it should, or else as it should."""
        answer = self._edited(good, self.rng.choice((0, 1, 2)))
        if not self._take(answer, SdpType.ANSWER):
            answer = good
            if not self._take(good, SdpType.ANSWER):
                # There is no way back from a provisional answer: the call is over.
                self.exchanged = self._state() is _S.HAVE_LOCAL_OFFER
                if self.exchanged:
                    self._set(Side.LOCAL, ROLLBACK)
                return
        _check_identities(self.end.session)
        self.base = answer
        for section in answer.media:
            if value(section, "setup"):
                set_value(section, "setup", "actpass")

    def _good_answer(self, offer: Draft) -> Draft:
        """The answer of a peer that goes on as it was described last."""
        answer = Draft(list(self.base.session), [list(section) for section in offer.media])
        answer.made = self.base.made
        answer.session[:] = [s for s in answer.session if not s.startswith("a=group")]
        answer.session += [line for line in offer.session if line.startswith("a=group")]
        known = {value(s, "mid"): s for s in self.base.media if not is_rejected(s)}
        any_known = next(iter(known.values()), [])
        for section in answer.media:
            if is_rejected(section):
                continue
            if "a=bundle-only" in section:
                section.remove("a=bundle-only")
                head = section[0].split(" ")
                section[0] = " ".join((head[0], "9", *head[2:]))
            theirs = known.get(value(section, "mid"), any_known if groups(offer) else [])
            section[:] = [
                {"a=sendonly": "a=recvonly", "a=recvonly": "a=sendonly"}.get(line, line)
                for line in section
                if not line.startswith(("a=ssrc", "a=msid", "a=candidate"))
            ]
            renewed(answer, self.rng, ("ice-ufrag", "ice-pwd", "fingerprint", "tls-id"), [section])
            for name in _TRANSPORT:
                if theirs:
                    found = value(theirs, name) or value(self.base.session, name)
                    set_value(section, name, found)
            set_value(section, "setup", "active")
        return answer

    def _wish(self) -> None:
        """The application wants something."""
        rng, end = self.rng, self.end
        usable = [t for t in end.session.transceivers if not t.stopping]
        match rng.randrange(7):
            case 0:
                origin = rng.choice(
                    (TransceiverOrigin.ADD_TRACK, TransceiverOrigin.ADD_TRANSCEIVER)
                )
                self.executor.adopt(add(end, rng.choice(("audio", "video")), origin=origin))
            case 1:
                end.request_data()
            case 2:
                end.restart_ice()
            case 3:
                shown = Fingerprint.of_digest(HashFunction.SHA256, rng.randbytes(32))
                end.request_rekey(rng.choice(((shown,), end.profile.fingerprints)))
            case 4 if usable:
                self.executor.apply(end.stop_transceiver(rng.choice(usable).key))
            case _ if usable:
                direction = rng.choice(tuple(MediaDirection))
                end.change_transceiver(rng.choice(usable).key, direction=direction)
            case _:
                pass
        self._check()

    def _candidate(self) -> None:
        """The peer sends a candidate, for a place and a generation that may be right."""
        rng = self.rng
        before = self._snapshot()
        section = rng.choice(self.base.media)
        candidate = IceCandidate(
            f"candidate:{rng.choice('1 #')} 1 udp 1 192.0.2.7 {rng.randrange(70000)} typ host",
            sdpMid=rng.choice((value(section, "mid"), None, "nobody")),
            sdpMLineIndex=rng.choice((None, 0, 1, 99)),
            usernameFragment=rng.choice((value(section, "ice-ufrag"), None, "other")),
        )
        try:
            self.executor.apply(self.end.add_candidate(rng.choice((candidate, candidate, None))))
        except (CandidateError, InvalidStateError):
            assert self._snapshot() == before
        self._check()

    def _find_out(self) -> None:
        """The wire shows what became of an association."""
        for transport in self.end.session.transports:
            numbers = [t.number for t in (*transport.fallbacks[1:], transport.association)]
            if transport.fallbacks and transport.association.agreed:
                number, in_use = self.rng.choice(numbers), self.rng.random() < 0.5
                self.executor.apply(
                    self.end.resolve_association(transport.key, number, in_use=in_use)
                )
                self._check()


def _check_identities(session: Session) -> None:
    """Check that each transport in use trusts the fingerprints that the peer's description has."""
    remote, answer = session.current_remote, session.answer
    assert remote is not None
    assert answer is not None
    for mid in session.routes:
        section = remote.sdp.section(answer.bundled(mid)[0])
        transport = session.carrier([mid])
        assert section is not None
        assert transport is not None
        terms = (transport.association, *transport.fallbacks)
        described_ones = set(accepted_fingerprints(remote.sdp, section))
        known = [set(each.remote.fingerprints) for each in terms if each.remote is not None]
        assert described_ones == known[0], "the association in force is another than described"
        assert transport.remote_ice is not None
        assert ice_parameters(remote.sdp, section).username_fragment
