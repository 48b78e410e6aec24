"""A phone at the other end of one SIP dialog (RFC 3261, over UDP): as much of SIP as a call needs.

::

    transport, dialog = await loop.create_datagram_endpoint(
        lambda: SipDialog(port), local_addr=("127.0.0.1", 0)
    )
    answer = await dialog.invite(offer.sdp)
    await dialog.bye()
"""

from __future__ import annotations

import asyncio
import re
import secrets

from tests.support.clock.deadline import DEADLINE

HOST = "127.0.0.1"
#: Seconds until a request is sent again (RFC 3261 section 17.1.1.2: T1).
_T1 = 0.5


class SipError(Exception):
    """A request that the phone refused: the status line of its answer."""


class Message:
    """One SIP message: its first line, its headers by lower-case name, and its body."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.decode().partition("\r\n\r\n")
        self.first, *lines = head.split("\r\n")
        pairs = [line.partition(":")[::2] for line in lines]
        self.headers = {name.strip().lower(): value.strip() for name, value in pairs}

    @property
    def status(self) -> int:
        """Status code of an answer; 0 for a request."""
        return int(self.first.split()[1]) if self.first.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        """Method of a request, or of what is answered."""
        return self.headers["cseq"].split()[1]


class SipDialog(asyncio.DatagramProtocol):
    """One dialog with a phone, over which either end calls.

    Attributes:
        calls: Offers of the phone, each to be answered with `accept`.
        ended: Done when the phone has hung up.
    """

    def __init__(self, port: int) -> None:
        self._phone = port
        self._target = f"sip:phone@{HOST}:{port}"
        self._call_id, self._tag, self._their_tag = secrets.token_hex(8), secrets.token_hex(4), ""
        self._number = 0
        self._answers: asyncio.Queue[Message] = asyncio.Queue()
        self._invited: Message | None = None
        self.calls: asyncio.Queue[str] = asyncio.Queue()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # it is one
        self._transport = transport
        self._port: int = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: object) -> None:
        if not data.strip():
            return
        message = Message(data)
        if message.status:
            self._answers.put_nowait(message)
        elif message.method == "INVITE" and self._is_new(message):
            self._invited = message
            self._call_id = message.headers["call-id"]
            self._note_theirs(message.headers["from"], message)
            self.calls.put_nowait(message.body)
        elif message.method == "BYE":
            self._answer(message, "200 OK")
            if not self.ended.done():
                self.ended.set_result(None)

    def error_received(self, exc: Exception) -> None:
        """Take that nothing listens yet: the request is sent again."""

    async def invite(self, sdp: str) -> str:
        """Offer, for the first time or again, and return the answer.

        Raises:
            SipError: The phone refused.
        """
        answer = await self._request("INVITE", sdp)
        self._note_theirs(answer.headers["to"], answer)
        self._send("ACK", "", number=self._number)
        return answer.body

    def accept(self, sdp: str) -> None:
        """Answer the offer that came last."""
        assert self._invited is not None
        self._answer(self._invited, "200 OK", sdp)

    def refuse(self) -> None:
        """Refuse the offer that came last; what was agreed before stands."""
        assert self._invited is not None
        self._answer(self._invited, "488 Not Acceptable Here")

    async def bye(self) -> None:
        """Hang up."""
        await self._request("BYE", "")

    @property
    def phone_port(self) -> int:
        """Port at which the phone takes SIP."""
        return self._phone

    @property
    def address(self) -> str:
        """Where the phone calls us."""
        return f"sip:us@{HOST}:{self._port}"

    async def _request(self, method: str, sdp: str) -> Message:
        self._number += 1
        branch = secrets.token_hex(6)
        async with asyncio.timeout(DEADLINE):
            while True:
                self._send(method, sdp, number=self._number, branch=branch)
                try:
                    async with asyncio.timeout(_T1):
                        answer = await self._final(method)
                except TimeoutError:
                    continue
                if answer.status >= 300:
                    raise SipError(answer.first)
                return answer

    async def _final(self, method: str) -> Message:
        while True:
            answer = await self._answers.get()
            if answer.status >= 200 and answer.headers["cseq"] == f"{self._number} {method}":
                return answer

    def _is_new(self, message: Message) -> bool:
        before = self._invited
        return before is None or before.headers["cseq"] != message.headers["cseq"]

    def _note_theirs(self, address: str, message: Message) -> None:
        tag = re.search(r";tag=([^;>\s]+)", address)
        assert tag
        self._their_tag = tag[1]
        contact = re.search(r"<([^>]+)>", message.headers.get("contact", ""))
        if contact:
            self._target = contact[1]

    def _send(self, method: str, sdp: str, *, number: int, branch: str | None = None) -> None:
        theirs = f";tag={self._their_tag}" if self._their_tag else ""
        self._write(
            f"{method} {self._target} SIP/2.0",
            f"Via: SIP/2.0/UDP {HOST}:{self._port};branch=z9hG4bK{branch or secrets.token_hex(6)}",
            f"From: <sip:us@{HOST}:{self._port}>;tag={self._tag}",
            f"To: <sip:phone@{HOST}>{theirs}",
            f"Call-ID: {self._call_id}",
            f"CSeq: {number} {method}",
            "Max-Forwards: 70",
            sdp=sdp,
        )

    def _answer(self, request: Message, status: str, sdp: str = "") -> None:
        headers = request.headers
        to = headers["to"] if ";tag=" in headers["to"] else f"{headers['to']};tag={self._tag}"
        self._write(
            f"SIP/2.0 {status}",
            f"Via: {headers['via']}",
            f"From: {headers['from']}",
            f"To: {to}",
            f"Call-ID: {headers['call-id']}",
            f"CSeq: {headers['cseq']}",
            sdp=sdp,
        )

    def _write(self, *lines: str, sdp: str) -> None:
        kind = ["Content-Type: application/sdp"] if sdp else []
        contact = f"Contact: <sip:us@{HOST}:{self._port}>"
        head = [*lines, contact, *kind, f"Content-Length: {len(sdp.encode())}"]
        text = "\r\n".join(head) + "\r\n\r\n" + sdp
        self._transport.sendto(text.encode(), (HOST, self._phone))
