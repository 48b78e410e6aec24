"""A SIP registration in virtual time: refreshes, challenges, Min-Expires, failures, removal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sipmessage import URI, Request, Response

from signaling.sip.digest import Digest
from signaling.sip.registration import (
    Registered,
    Registration,
    RegistrationFailed,
    RegistrationState,
    Unregistered,
)
from signaling.sip.replies import reply_to
from tests.support.sip.agent_end import AgentEnd
from tests.support.sip.messages import UDP
from tests.support.sip.transaction_user import TransactionUser
from tests.support.sip.virtual_link import VirtualLink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

REGISTRAR = URI.parse("sip:example.org")


class Registrar:
    """A registrar that answers as a test says, and the phone that registers with it."""

    def __init__(
        self, *answers: Callable[[Request], Response], end: AgentEnd | None = None
    ) -> None:
        self.requests: list[Request] = []
        self._answers = list(answers)
        self.phone = end or AgentEnd("ann")
        self.link = VirtualLink(self.phone, TransactionUser(self._answer, via=UDP))

    def register(self, *, expires: int = 600, instance: str = "") -> Registration:
        registration = self.phone.agent.register(REGISTRAR, expires=expires, instance=instance)
        self.run(1)
        return registration

    def run(self, seconds: float) -> None:
        self.phone.now = self.link.now
        self.link.send(0, self.phone.flush())
        self.link.run(self.link.now + seconds)
        self.phone.now = self.link.now

    def _answer(self, request: Request) -> Iterable[Response]:
        self.requests.append(request)
        answer = self._answers[0] if len(self._answers) == 1 else self._answers.pop(0)
        return [answer(request)]


def granted(request: Request) -> Response:
    """Grant what is asked, beside a binding of another device that lasts a minute."""
    response = reply_to(request, 200, to_tag="registrar")
    response.headers.add("Contact", "<sip:ann@elsewhere.example.org>;expires=60")
    if request.expires:
        contact = request.headers["Contact"].replace(";expires=600", ";expires=300")
        response.headers.add("Contact", contact)
    response.headers.set("Service-Route", "<sip:edge.example.org;lr>, <sip:core.example.org;lr>")
    return response


def refused(code: int, **headers: str) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        response = reply_to(request, code, to_tag="registrar")
        for name, value in headers.items():
            response.headers.set(name.replace("_", "-"), value)
        return response

    return answer


def test_sip_registration_is_refreshed_before_it_expires_by_what_is_granted_to_us() -> None:
    registrar = Registrar(granted)
    registration = registrar.register(expires=600)
    assert registrar.phone.events(Registered) == [Registered(expires=300, is_first=True)]
    assert registration.service_route == ("<sip:edge.example.org;lr>", "<sip:core.example.org;lr>")
    registrar.run(149)
    assert len(registrar.requests) == 1
    registrar.run(150)
    assert len(registrar.requests) == 2
    first, second = registrar.requests
    assert first.headers["Call-ID"] == second.headers["Call-ID"]
    assert first.headers["From"] == second.headers["From"]
    assert (first.cseq.sequence, second.cseq.sequence) == (1, 2)
    assert first.headers["To"] == "<sip:ann@example.org>"
    assert registrar.phone.events(Registered)[1] == Registered(expires=300, is_first=False)


def test_sip_registration_answers_a_challenge_and_gives_credentials_at_once_later() -> None:
    challenge = refused(401, WWW_Authenticate='Digest realm="a", nonce="n", qop="auth"')
    phone = AgentEnd("ann", authenticator=Digest("ann", password="secret"))
    registrar = Registrar(challenge, granted, end=phone)
    registrar.register()
    assert [request.headers.get("Authorization") is None for request in registrar.requests] == [
        True,
        False,
    ]
    registrar.run(151)
    assert len(registrar.requests) == 3
    assert registrar.requests[2].headers.get("Authorization") is not None
    assert [request.cseq.sequence for request in registrar.requests] == [1, 2, 3]


def test_wrong_secret_ends_a_sip_registration_with_a_sentence() -> None:
    challenge = refused(401, WWW_Authenticate='Digest realm="a", nonce="n", qop="auth"')
    phone = AgentEnd("ann", authenticator=Digest("ann", password="wrong"))
    registrar = Registrar(challenge, end=phone)
    registration = registrar.register()
    registrar.run(4000)
    (failed,) = phone.events(RegistrationFailed)
    assert (failed.status, failed.retry_in) == (401, None)
    assert "takes not the name or secret" in failed.reason
    assert len(registrar.requests) == 2
    assert registration.state is RegistrationState.ENDED


def test_sip_registration_takes_the_min_expires_of_its_registrar() -> None:
    registrar = Registrar(refused(423, Min_Expires="1800"), granted)
    registrar.register()
    assert [request.expires for request in registrar.requests] == [600, 1800]
    assert registrar.phone.events(RegistrationFailed) == []


def test_min_expires_that_raises_nothing_is_a_failure_and_no_loop() -> None:
    registrar = Registrar(refused(423, Min_Expires="600"))
    registrar.register()
    assert len(registrar.requests) == 1
    assert registrar.phone.events(RegistrationFailed)[0].status == 423


def test_sip_registration_is_tried_again_with_waits_that_grow_up_to_half_an_hour() -> None:
    registrar = Registrar(refused(500))
    registrar.register()
    registrar.run(40_000)
    waits = [failed.retry_in for failed in registrar.phone.events(RegistrationFailed)]
    assert waits[:8] == [22.5, 45.0, 90.0, 180.0, 360.0, 720.0, 1350.0, 1350.0]
    registrar._answers[:] = [granted]  # noqa: SLF001 - of this file
    registrar.run(2000)
    assert registrar.phone.events(Registered)[0].is_first


@pytest.mark.parametrize("value", ["300", "300;duration=60", "300 (busy)"])
def test_sip_registration_waits_as_long_as_retry_after_says(value: str) -> None:
    registrar = Registrar(refused(503, Retry_After=value))
    registrar.register()
    assert registrar.phone.events(RegistrationFailed)[0].retry_in == 300


def test_expires_of_thousands_of_digits_is_a_registration_of_a_day() -> None:
    def for_ever(request: Request) -> Response:
        response = reply_to(request, 200, to_tag="registrar")
        contact = request.headers["Contact"].replace("expires=600", f"expires={'9' * 5000}")
        response.headers.add("Contact", contact)
        return response

    registrar = Registrar(for_ever)
    registrar.register()
    assert registrar.phone.events(Registered)[0].expires == 86_400


def test_sip_registration_is_removed_with_expires_zero() -> None:
    registrar = Registrar(granted)
    registration = registrar.register()
    registration.stop()
    registrar.run(1)
    assert registrar.requests[-1].expires == 0
    assert registrar.requests[-1].headers["Contact"].endswith(";expires=0")
    assert registrar.phone.events(Unregistered) == [Unregistered()]
    registrar.run(1000)
    assert len(registrar.requests) == 2
    assert not any(registrar.phone.agent.kept.values())


def test_removal_during_a_register_waits_for_its_response() -> None:
    registrar = Registrar(granted)
    registration = registrar.phone.agent.register(REGISTRAR)
    registration.stop()
    registrar.run(1)
    assert [request.expires for request in registrar.requests] == [600, 0]
    assert registrar.phone.names() == ["Unregistered"]


def test_sip_registration_names_its_device_where_it_has_a_name() -> None:
    registrar = Registrar(granted)
    registrar.register(instance="urn:uuid:00000000-0000-1000-8000-000a95a0e128")
    contact = registrar.requests[0].headers["Contact"]
    assert ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>";reg-id=1' in contact
    assert registrar.requests[0].headers["Supported"] == "path, outbound"


@pytest.mark.parametrize("expires", [0, 86_401])
def test_sip_registration_that_cannot_last_is_refused(expires: int) -> None:
    with pytest.raises(ValueError, match="expires is from 1"):
        AgentEnd("ann").agent.register(REGISTRAR, expires=expires)
