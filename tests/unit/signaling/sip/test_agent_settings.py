"""Settings and headers of a SIP user agent that cannot be: refused by name, and nothing is sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from signaling.sip.agent_port import AgentSettings
from signaling.sip.errors import SipUsageError
from signaling.sip.transactions.tables import TransactionTimes
from signaling.sip.user_agent import IncomingCall
from tests.support.sip.agent_end import AgentEnd
from tests.support.sip.messages import a_request


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: AgentSettings(ring_timeout=0), "ring_timeout"),
        (lambda: AgentSettings(ring_timeout=3601), "ring_timeout"),
        (lambda: AgentSettings(max_sessions=-1), "max_sessions"),
        (lambda: AgentSettings(name="a\r\nVia: b"), "name"),
        (lambda: TransactionTimes(t1=0), "t1"),
        (lambda: TransactionTimes(t1=5), "t1"),
        (lambda: TransactionTimes(t4=-1), "t4"),
    ],
)
def test_setting_of_sip_that_cannot_be_is_refused_by_its_name(
    make: Callable[[], object], name: str
) -> None:
    with pytest.raises(ValueError, match=name):
        make()


@pytest.mark.parametrize(
    "headers", [{"Subject": "a\r\nVia: SIP/2.0/UDP x"}, {"no token": "a"}, {"": "a"}]
)
def test_header_that_would_forge_another_makes_no_call(headers: dict[str, str]) -> None:
    ann = AgentEnd("ann")
    with pytest.raises(SipUsageError, match="is no header"):
        ann.agent.invite(ann.uri, sdp="offer", headers=headers)
    assert ann.flush() == []
    assert not any(ann.agent.kept.values())


def test_reason_or_header_that_would_forge_another_leaves_the_call_ringing() -> None:
    bob = AgentEnd("bob")
    bob.receive(a_request(branch="z9hG4bK1"), 0.0)
    (call,) = bob.events(IncomingCall)
    with pytest.raises(SipUsageError):
        call.session.reject(486, phrase="Busy\r\nVia: x")
    with pytest.raises(SipUsageError):
        call.session.reject(302, Contact="<sip:a@b>\r\nVia: x")
    assert bob.flush() == []
    call.session.reject(302, Contact="<sip:a@b>")
    (response,) = bob.flush()
    assert response.headers["Contact"] == "<sip:a@b>"
