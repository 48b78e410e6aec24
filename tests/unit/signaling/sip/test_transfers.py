"""Transfers that the other end of a SIP call asks for (REFER, RFC 3515)."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from sipmessage import Request, Response

from signaling.sip.errors import SipUsageError
from tests.support.negotiation.connections import until, within
from tests.support.peers.sip_phones import LinkedPhone, two_phones

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from signaling.sip.call import Call
    from signaling.sip.call_events import Transfer


@asynccontextmanager
async def referred(*, listens: bool) -> AsyncIterator[tuple[Call, list[Transfer], LinkedPhone]]:
    """A call whose caller sends an INFO that becomes a REFER on the way."""
    transfers: list[Transfer] = []
    async with two_phones() as (caller, called):
        call, other = await caller.call(called)
        await within(other.established())
        came = asyncio.Event()

        def note(transfer: Transfer) -> None:
            transfers.append(transfer)
            came.set()

        if listens:
            other.on("transfer", note)
        caller.link.edit = as_refer
        await within(call.send_tones("1", duration=0.05, gap=0.03))
        if listens:
            await within(came.wait())
        yield other, transfers, called


def as_refer(message: Request | Response) -> Request | Response:
    if not isinstance(message, Request) or message.method != "INFO":
        return message
    refer = Request(method="REFER", uri=message.uri)
    for name in ("Via", "From", "To", "Call-ID", "Contact", "Max-Forwards", "Route"):
        if values := message.headers.getlist(name):
            refer.headers.setlist(name, list(values))
    refer.headers.set("CSeq", f"{message.cseq.sequence} REFER")
    refer.headers.set("Refer-To", "<sip:carol@example.org?Subject=hello>")
    refer.headers.set("Referred-By", "<sip:ann@example.org>")
    return refer


async def test_transfer_names_whom_to_call_and_reports_how_that_goes() -> None:
    async with referred(listens=True) as (call, (transfer,), called):
        assert transfer.target.startswith("sip:carol@example.org")
        assert "sip:ann@example.org" in transfer.referred_by
        transfer.accept()
        transfer.report(200)
        await until(lambda: len(called.link.requests("NOTIFY")) == 2)
        trying, done = called.link.requests("NOTIFY")
        assert trying.body.startswith(b"SIP/2.0 100 ")
        assert done.body.startswith(b"SIP/2.0 200 ")
        with pytest.raises(SipUsageError):
            transfer.accept()
        assert call.ending is None


async def test_transfer_that_nobody_listens_to_is_refused() -> None:
    async with referred(listens=False) as (call, _, called):
        sent = called.link.sent
        await until(lambda: any(isinstance(each, Response) and each.code == 603 for each in sent))
        assert call.ending is None
