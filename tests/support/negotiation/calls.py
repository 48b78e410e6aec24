"""A call of two `OfferAnswer`s over a slow channel: perfect negotiation, by hand.

Nothing happens by itself: a test says when an end offers, when a message arrives, and what the
application does between the plan of a description and its commit.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from peer.descriptions import SdpType, SessionDescription
from peer.errors import CandidateError, InvalidStateError
from peer.ice import IceCandidate
from peer.negotiation.session import Side
from peer.states import SignalingState
from tests.support.negotiation.effects import RecordedExecutor
from tests.support.negotiation.offer_answer import ROLLBACK, described
from tests.support.negotiation.sessions import check_agreement, check_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from peer.negotiation.offer_answer import OfferAnswer
    from peer.negotiation.session import AssociationTerms

Message: TypeAlias = SessionDescription | IceCandidate

#: Rounds after which two ends that still talk will never agree.
_MAX_ROUNDS = 12
_S = SignalingState


@dataclass
class End:
    """One end: its `OfferAnswer`, its effect executor, and messages that have not arrived.

    Attributes:
        meanwhile: Acts of the application between the next plan and its commit.
        lost: The offer of this end never arrived.
    """

    offer_answer: OfferAnswer
    polite: bool
    executor: RecordedExecutor = field(default_factory=RecordedExecutor)
    sent: deque[Message] = field(default_factory=deque)
    meanwhile: list[Callable[[], None]] = field(default_factory=list)
    ignoring: bool = False
    lost: bool = False

    @property
    def state(self) -> SignalingState:
        """The signalling state of this end."""
        return self.offer_answer.session.state

    def set(self, side: Side, description: SessionDescription | None = None) -> None:
        """Plan, open the transports, commit, carry out the effects."""
        before = self.offer_answer.session
        plan = self.offer_answer.plan(side, description)
        assert self.offer_answer.session is before, "a plan changes nothing"
        self.executor.prepare(plan.prepare)
        for act in self.meanwhile:
            act()
        self.meanwhile.clear()
        self.follow(self.offer_answer.commit(plan))

    def follow(self, effects: Iterable[object]) -> None:
        """Carry effects out, and check that everything fits."""
        self.executor.apply(effects)  # type: ignore[arg-type]  # an effect, by its only caller
        check_session(self.offer_answer.session)
        self.executor.check(self.offer_answer.session)

    def give_up(self, side: Side, description: SessionDescription | None = None) -> None:
        """Plan, open the transports, and find that one cannot be opened."""
        before = self.offer_answer.session
        plan = self.offer_answer.plan(side, description)
        self.executor.prepare(plan.prepare)
        self.executor.discard(plan.prepare)
        assert self.offer_answer.session is before
        self.executor.check(before)

    def resolve(self, key: str, number: int, *, in_use: bool) -> None:
        """Tell this end what the wire has shown of an association."""
        self.follow(self.offer_answer.resolve_association(key, number, in_use=in_use))

    def send(self) -> None:
        """Send our description in force."""
        self.sent.append(described(self.offer_answer, Side.LOCAL))

    def offer(self) -> None:
        """Offer, where the state lets us and no offer of ours has arrived."""
        if self.state is _S.STABLE or (self.state is _S.HAVE_LOCAL_OFFER and self.withdraw()):
            self.set(Side.LOCAL)
            self.send()

    def withdraw(self) -> bool:
        """Take our offer back from the channel, where it is still there."""
        offers = [m for m in self.sent if _is_offer(m)]
        for message in offers:
            self.sent.remove(message)
        lost, self.lost = self.lost, False
        return bool(offers) or lost

    def answer(self, kind: SdpType = SdpType.ANSWER) -> None:
        """Answer, where there is something to answer."""
        if self.state in (_S.HAVE_REMOTE_OFFER, _S.HAVE_LOCAL_PRANSWER):
            self.set(Side.LOCAL, SessionDescription("", kind))
            self.send()

    def roll_back(self) -> None:
        """Take our offer back, where it has not arrived and the peer does not count on it."""
        if self.state is _S.HAVE_LOCAL_OFFER and not self.ignoring and self.withdraw():
            self.set(Side.LOCAL, ROLLBACK)

    def hesitate(self) -> None:
        """Take the peer's offer back, and apply it once more."""
        if self.state is _S.HAVE_REMOTE_OFFER:
            offer = described(self.offer_answer, Side.REMOTE)
            self.set(Side.REMOTE, ROLLBACK)
            self.set(Side.REMOTE, offer)

    def receive(self, message: Message) -> None:
        """Handle what has arrived as perfect negotiation does (webrtc-pc section 10.7)."""
        if isinstance(message, IceCandidate):
            self._receive_candidate(message)
        elif message.type is SdpType.OFFER:
            collision = self.state is not _S.STABLE
            self.ignoring = collision and not self.polite
            if not self.ignoring:
                self.lost = False
                self.set(Side.REMOTE, message)
        else:
            self.ignoring = False
            self.set(Side.REMOTE, message)

    def _receive_candidate(self, candidate: IceCandidate) -> None:
        before = self.offer_answer.session
        try:
            self.follow(self.offer_answer.add_candidate(candidate))
        except (CandidateError, InvalidStateError):
            # Of an offer that was ignored, withdrawn or lost.
            assert self.offer_answer.session is before


@dataclass
class Call:
    """Two ends, the second of them polite.

    Attributes:
        fates: Whether an association, named by the tls-ids of both ends, is taken up; no end finds
            anything else than the other.
        abandoned: Some association was not.
    """

    left: End
    right: End
    fates: dict[frozenset[str], bool] = field(default_factory=dict)
    abandoned: bool = False

    def other(self, end: End) -> End:
        """The one that it talks to."""
        return self.right if end is self.left else self.left

    def deliver(self, end: End) -> None:
        """Let the first message of an end arrive."""
        if end.sent:
            self.other(end).receive(end.sent.popleft())

    def lose(self, end: End) -> None:
        """Lose the first message of an end: answers, that nobody could miss, are never lost."""
        if end.sent and (isinstance(end.sent[0], IceCandidate) or _is_offer(end.sent[0])):
            # One that was rolled back since is not missed.
            message = end.sent.popleft()
            if end.state is _S.HAVE_LOCAL_OFFER:
                end.lost |= message == described(end.offer_answer, Side.LOCAL)

    def report(self, end: End, *, taken_up: bool) -> None:
        """Let an end find what became of the associations that are not known to be in use.

        Args:
            end: Which.
            taken_up: Whether one of which nothing is known yet is taken up.
        """
        for transport in end.offer_answer.session.transports:
            for terms in (*transport.fallbacks[1:], transport.association):
                if not transport.fallbacks or terms.remote is None:
                    continue
                named = _named(terms)
                # A handshake needs both ends; to give up, one is enough.
                if named not in self.fates and taken_up and not self._is_known(end, named):
                    continue
                fate = self.fates.setdefault(named, taken_up)
                self.abandoned |= not fate
                end.resolve(transport.key, terms.number, in_use=fate)

    def _is_known(self, end: End, named: frozenset[str]) -> bool:
        transports = self.other(end).offer_answer.session.transports
        known = [terms for t in transports for terms in (*t.fallbacks, t.association)]
        return any(named == _named(terms) for terms in known if terms.remote is not None)

    def run_until_stable(self) -> None:
        """Exchange messages and offers until both ends need no more.

        Raises:
            AssertionError: They do not agree.
        """
        for _ in range(_MAX_ROUNDS):
            self._quiet()
            for end in (self.left, self.right):
                self.report(end, taken_up=True)
            needy = [e for e in (self.left, self.right) if e.offer_answer.negotiation_needed]
            if not needy:
                break
            for end in needy:
                end.offer()
        numbered = not self.abandoned
        check_agreement(self.left.offer_answer, self.right.offer_answer, numbered=numbered)
        for end in (self.left, self.right):
            assert not any(t.fallbacks for t in end.offer_answer.session.transports)

    def _quiet(self) -> None:
        ends = (self.left, self.right)
        for _ in range(_MAX_ROUNDS):
            while any(end.sent for end in ends):
                for end in ends:
                    self.deliver(end)
            for end in ends:
                end.answer()
            for end in ends:
                if end.lost:
                    end.offer()
            if all(end.state is _S.STABLE and not end.sent for end in ends):
                return
        raise AssertionError(f"they stay {self.left.state} and {self.right.state}")


def _named(terms: AssociationTerms) -> frozenset[str]:
    """An association, as both ends know it."""
    remote = terms.remote.tls_id if terms.remote is not None else None
    return frozenset((terms.local.tls_id, remote or ""))


def _is_offer(message: Message) -> bool:
    return isinstance(message, SessionDescription) and message.type is SdpType.OFFER
