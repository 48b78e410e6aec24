"""SIP messages in a trace: their names and sections, and never a credential."""

from __future__ import annotations

import pytest
from sipmessage import URI, CSeq, Request, Response

from peer import PeerConfiguration, PeerConnection
from peer.tracing.events import Direction, SignalingMessage
from signaling.sip.message_trace import head, section, summary, trace_message
from tests.support.tracing.traces import Sink


def response(code: int, phrase: str, method: str, **headers: str) -> Response:
    made = Response(code=code, phrase=phrase)
    made.cseq = CSeq(1, method)
    for name, value in headers.items():
        made.headers.set(name, value)
    return made


def request(method: str) -> Request:
    return Request(method=method, uri=URI.parse("sip:bob@example.org"), body=b"v=0\r\n")


@pytest.mark.parametrize(
    ("message", "name", "defined"),
    [
        (request("INVITE"), "INVITE", "RFC 3261 section 13"),
        (request("PRACK"), "PRACK", "RFC 3262 section 4"),
        (response(200, "OK", "BYE"), "200 OK (BYE)", "RFC 3261 section 15"),
        (
            response(183, "Progress", "INVITE", RSeq="1"),
            "183 Progress (INVITE)",
            "RFC 3262 section 3",
        ),
        (request("PUBLISH"), "PUBLISH", "RFC 3261 section 7"),
    ],
)
def test_sip_message_in_a_trace_has_name_and_section(
    message: Request | Response, name: str, defined: str
) -> None:
    assert (summary(message), section(message)) == (name, defined)


@pytest.mark.parametrize("name", ["Authorization", "proxy-authorization", "WWW-Authenticate"])
def test_credentials_of_sip_never_stand_in_a_trace(name: str) -> None:
    invite = request("INVITE")
    invite.headers.set(name, 'Digest response="0123"')
    invite.headers.set("Subject", "lunch")
    assert head(invite) == "Subject: lunch"


async def test_sip_message_in_a_trace_leaves_its_description_out() -> None:
    sink = Sink()
    async with PeerConnection(PeerConfiguration(trace=sink)) as pc:
        trace_message(pc, Direction.IN, request("INVITE"))
    (event,) = sink.all(SignalingMessage)
    assert (event.protocol, event.direction, event.text) == ("SIP", Direction.IN, "")
