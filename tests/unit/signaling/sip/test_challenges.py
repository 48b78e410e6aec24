"""SIP calls through a proxy that wants a password: INVITE, PRACK, re-INVITE, BYE, refusals."""

from __future__ import annotations

import pytest
from sipmessage import Request, Response

from signaling.sip.digest import Digest
from signaling.sip.replies import reply_to
from signaling.sip.session_events import AnswerReceived, CallEnded, EndCause, OfferReceived
from signaling.sip.transactions.keys import server_key
from signaling.sip.user_agent import IncomingCall, Told
from tests.support.sip.agent_end import AgentEnd
from tests.support.sip.virtual_link import VirtualLink


class ChallengingProxy:
    """A proxy before one user agent: it passes a request on that has credentials for its nonce.

    Args:
        end: The user agent.
        uses: How often a nonce is good for; the next request with it is challenged as stale.
    """

    def __init__(self, end: AgentEnd, *, uses: int = 1000) -> None:
        self.end = end
        self.challenged: list[str] = []
        self._uses = uses
        self._left = uses
        self._nonce = 1
        self._refused: set[str] = set()

    def receive(self, message: Request | Response, now: float) -> list[Request | Response]:
        if not isinstance(message, Request):
            return self.end.receive(message, now)
        branch = server_key(message).branch
        if message.method == "ACK" and branch in self._refused:
            return []
        if message.method not in ("ACK", "CANCEL") and not self._is_known(message):
            self._refused.add(branch)
            self.challenged.append(message.method)
            return [self._challenge(message)]
        return self.end.receive(message, now)

    def advance(self, now: float) -> list[Request | Response]:
        return self.end.advance(now)

    def next_time(self) -> float | None:
        return self.end.next_time()

    def _is_known(self, request: Request) -> bool:
        if f'nonce="{self._nonce}"' not in (request.headers.get("Proxy-Authorization") or ""):
            return False
        self._left -= 1
        if self._left < 0:
            self._left, self._nonce = self._uses, self._nonce + 1
            return False
        return True

    def _challenge(self, request: Request) -> Response:
        response = reply_to(request, 407, to_tag="proxy")
        challenge = f'Digest realm="a", nonce="{self._nonce}", qop="auth", stale=true'
        response.headers.set("Proxy-Authenticate", challenge)
        return response


def early(end: AgentEnd, told: Told) -> None:
    match told.event:
        case IncomingCall(session=session):
            session.progress(183, sdp="early answer")
        case OfferReceived(sdp=sdp):
            end.session.answer(f"answer to {sdp}")


class ProxiedCall:
    """Ann, who has a password, and bob behind the proxy."""

    def __init__(self, *, password: str | None = "secret", uses: int = 1000) -> None:
        digest = None if password is None else Digest("ann", password=password)
        self.ann = AgentEnd("ann", authenticator=digest)
        self.bob = AgentEnd("bob", react=early)
        self.proxy = ChallengingProxy(self.bob, uses=uses)
        self.link = VirtualLink(self.ann, self.proxy)
        self.invite = self.ann.agent.invite(self.bob.uri, sdp="offer")
        self.run()

    def run(self, seconds: float = 1.0) -> None:
        for end in (self.ann, self.bob):
            end.now = self.link.now
        self.link.send(0, self.ann.flush())
        self.link.send(1, self.bob.flush())
        self.link.run(self.link.now + seconds)
        for end in (self.ann, self.bob):
            end.now = self.link.now

    def accept_change_and_hang_up(self) -> None:
        self.bob.session.accept()
        self.run()
        self.ann.session.offer("again")
        self.run()
        assert self.ann.events(AnswerReceived)[-1] == AnswerReceived("answer to again")
        self.ann.session.hang_up()
        self.run()
        assert self.bob.events(CallEnded)[0].cause is EndCause.REMOTE
        self.run(70)
        assert not any(self.ann.agent.kept.values())
        assert not any(self.bob.agent.kept.values())


def test_challenged_invite_is_sent_again_and_what_follows_has_credentials_at_once() -> None:
    call = ProxiedCall()
    assert call.proxy.challenged == ["INVITE"]
    assert call.ann.events(AnswerReceived) == [AnswerReceived("early answer")]
    invites = [m for _, end, m in call.link.sent if end == 0 and m.cseq.method == "INVITE"]
    assert [invite.cseq.sequence for invite in invites] == [1, 2]
    assert len({invite.headers["Call-ID"] + invite.headers["From"] for invite in invites}) == 1
    call.accept_change_and_hang_up()
    assert call.proxy.challenged == ["INVITE"]


def test_every_request_of_a_call_may_be_challenged_and_numbers_stay_in_order() -> None:
    call = ProxiedCall(uses=0)
    # A nonce that is never good ends the call by name; one that is good once goes on.
    assert call.ann.events(CallEnded, call.invite)[0].status == 407
    call = ProxiedCall(uses=1)
    call.accept_change_and_hang_up()
    assert call.proxy.challenged == ["INVITE", "PRACK", "INVITE", "BYE"]
    numbers = [
        m.cseq.sequence
        for _, end, m in call.link.sent
        if end == 0 and isinstance(m, Request) and m.method != "ACK"
    ]
    assert numbers == sorted(set(numbers))


def test_ack_of_a_success_has_the_credentials_of_its_invite() -> None:
    call = ProxiedCall()
    call.bob.session.accept()
    call.run()
    sent = [m for _, end, m in call.link.sent if end == 0 and isinstance(m, Request)]
    invite, ack = sent[-3], sent[-1]
    assert (invite.method, ack.method) == ("INVITE", "ACK")
    assert ack.headers["Proxy-Authorization"] == invite.headers["Proxy-Authorization"]


@pytest.mark.parametrize("password", [None])
def test_challenge_without_a_password_ends_the_call(password: str | None) -> None:
    call = ProxiedCall(password=password)
    (ended,) = call.ann.events(CallEnded, call.invite)
    assert (ended.cause, ended.status) == (EndCause.REFUSED, 407)
    call.run(70)
    assert not any(call.ann.agent.kept.values())


def test_cancelled_invite_answers_no_challenge() -> None:
    digest = Digest("ann", password="secret")
    ann, bob = AgentEnd("ann", authenticator=digest), AgentEnd("bob", react=early)
    proxy = ChallengingProxy(bob)
    link = VirtualLink(ann, proxy)
    invite = ann.agent.invite(bob.uri, sdp="offer")
    invite.cancel()
    link.send(0, ann.flush())
    link.run(70.0)
    assert link.first_lines(0) == ["INVITE", "ACK"]
    assert bob.told == []
    assert not any(ann.agent.kept.values())
