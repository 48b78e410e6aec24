"""Each SIP transport registers at Kamailio, after a digest challenge, and is reached over it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sipmessage import CSeq, Request, Response

from signaling.sip.digest import Digest
from signaling.sip.grammar import parse_uri
from signaling.sip.replies import reply_to
from signaling.sip.transport.domain import domain_context
from signaling.sip.transport.events import SipMessageReceived
from signaling.sip.transport.opening import open_transport
from tests.support.peers.kamailio import DOMAIN, DigestAlgorithm, kamailio
from tests.support.sip.transports import next_event

if TYPE_CHECKING:
    from signaling.sip.transport.interface import SipTransport

pytestmark = [pytest.mark.needs("kamailio"), pytest.mark.xdist_group("peer-kamailio")]


def a_request(method: str, number: int, *, user: str, by: SipTransport) -> Request:
    """A request of this user; a REGISTER, or one to the bot."""
    where = f"sip:{DOMAIN}" if method == "REGISTER" else f"sip:bot@{DOMAIN}"
    request = Request(method, parse_uri(where))
    name = f"{method}-{by.via.transport}-{by.via.port}-{number}"
    parameters = by.via.parameters.replace(branch=f"z9hG4bK-{name}")
    request.via = [dataclasses.replace(by.via, parameters=parameters)]
    request.headers.set("Max-Forwards", "70")
    request.headers.set("From", f"<sip:{user}@{DOMAIN}>;tag=t")
    request.headers.set("To", f"<sip:bot@{DOMAIN}>")
    request.headers.set("Call-ID", f"{method}-{by.via.transport}")
    request.headers.set("Contact", f"<{dataclasses.replace(by.contact, user=user)}>;expires=60")
    request.cseq = CSeq(number, method)
    return request


async def answer_to(request: Request, *, by: SipTransport) -> Response:
    await by.send(request)
    while True:
        message = (await next_event(by, SipMessageReceived)).message
        if isinstance(message, Response) and message.code >= 200:
            assert message.cseq == request.cseq
            return message


async def accepted(method: str, *, user: str, by: SipTransport) -> Response:
    """Send a request, answer the challenge, and return what comes then."""
    digest = Digest(user, password="secret")
    first = a_request(method, 1, user=user, by=by)
    digest.take(await answer_to(first, by=by), to=first)
    again = a_request(method, 2, user=user, by=by)
    digest.authorize(again)
    return await answer_to(again, by=by)


async def test_each_transport_registers_and_is_reached(tmp_path: Path) -> None:
    users = {"bot": "secret", "ann": "secret"}
    async with (
        kamailio(tmp_path, users=users, digest=DigestAlgorithm.SHA256) as proxy,
        contextlib.AsyncExitStack() as opened,
    ):
        trust = domain_context()
        trust.load_verify_locations(proxy.authority)
        registered = []
        for url in (proxy.ws, proxy.wss, proxy.tcp, proxy.tls, proxy.udp):
            ssl = trust if url in (proxy.wss, proxy.tls) else None
            ours = await open_transport(url, ssl=ssl, domain=DOMAIN)
            registered.append(await opened.enter_async_context(ours))
            response = await accepted("REGISTER", user="bot", by=ours)
            assert response.code == 200
            assert len(response.contact) == len(registered)

        caller = await opened.enter_async_context(await open_transport(proxy.udp))
        asking = asyncio.create_task(accepted("OPTIONS", user="ann", by=caller))
        for ours in registered:
            event = await next_event(ours, SipMessageReceived)
            assert isinstance(event.message, Request)
            assert event.message.method == "OPTIONS"
            assert event.message.uri.host == ours.contact.host
            await ours.send(reply_to(event.message, 200, to_tag="b"), event.flow)
        assert (await asking).code == 200
