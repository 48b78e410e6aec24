"""Mutated SIP messages in the midst of calls: no error in the user agent, and nothing kept.

INPUTS says how many; it was run with 100,000.
"""

from __future__ import annotations

import os
import random

import pytest
from sipmessage import Request, Response

from signaling.sip.errors import SipMessageError, SipUsageError
from signaling.sip.parsing import parse_message, write_message
from tests.support.sip.chaos import Chaos

INPUTS = int(os.environ.get("INPUTS", "2000"))
#: Messages that are mutated in one pair of ends.
EACH = 100
VALUES = [
    "",
    "0",
    "-1",
    "1",
    "4294967296",
    "99999999999999999999",
    "1 INVITE",
    "1 1 INVITE",
    "90;refresher=uas",
    "1;refresher",
    ";",
    "<sip:x@y.example.org>;tag=other",
    "<sip:strict.example.org>",
    "<tel:+1>",
    "sip:a@b, sip:c@d",
    "\u20ac\u2028",
    "100rel",
    "timer, 100rel",
    "application/dtmf",
    "message/sipfrag",
    'SIP;text="\u20ac',
]
NAMES = [
    "Contact", "CSeq", "RSeq", "RAck", "Require", "Supported", "Allow", "Session-Expires", "Min-SE",
    "Refer-To", "Event", "Record-Route", "Route", "Content-Type", "Content-Encoding", "Expires",
    "Retry-After", "Reason", "To", "From", "Call-ID", "Via", "Info-Package", "Max-Forwards",
]  # fmt: skip
METHODS = [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "PRACK",
    "UPDATE",
    "INFO",
    "REFER",
    "NOTIFY",
    "OPTIONS",
]
CODES = [100, 180, 183, 199, 200, 202, 299, 302, 401, 407, 408, 422, 481, 487, 491, 500, 503, 699]

pytestmark = pytest.mark.timeout(120 + INPUTS // 50)


def mutate(chance: random.Random, message: Request | Response) -> bytes:
    """Write a message with up to three of its parts changed."""
    for _ in range(chance.randrange(1, 4)):
        name = chance.choice(NAMES)
        match chance.randrange(6):
            case 0:
                message.headers.remove(name)
            case 1 | 2:
                message.headers.set(name, chance.choice(VALUES))
            case 3:
                message.headers.add(name, chance.choice(VALUES))
            case 4:
                message.body = chance.choice([b"", b"v=0", b"Signal=5", bytes([255, 0, 10])])
            case _ if isinstance(message, Request):
                message.method = chance.choice(METHODS)
                message.headers.set("CSeq", f"{chance.randrange(9)} {message.method}")
            case _:
                assert isinstance(message, Response)
                message.code = chance.choice(CODES)
    return write_message(message)


@pytest.mark.parametrize("seed", range(max(1, INPUTS // EACH)))
def test_mutated_messages_within_sip_calls_break_nothing_and_leave_nothing(seed: int) -> None:
    chaos = Chaos(seed, loss=0.1)
    chaos.pair.link.takes_broken = True
    ends = [chaos.pair.caller, chaos.pair.called]
    for step in range(EACH):
        if step % 4 == 0:
            chaos.act()
            chaos.pair.run(chaos.random.choice([0.03, 0.3, 3.0]))
        sent = chaos.pair.link.sent
        if not sent:
            continue
        _, sender, message = chaos.random.choice(sent[-20:])
        try:
            data = mutate(chaos.random, parse_message(write_message(message)))
            strange = parse_message(data)
        except SipUsageError:
            continue
        except SipMessageError as error:
            ends[1 - sender].agent.refuse(error)
            continue
        end = ends[1 - sender]
        chaos.pair.link.send(1 - sender, end.receive(strange, chaos.pair.link.now))
    chaos.calm()
    chaos.hang_up()
    # What mutated INVITEs have begun rings for as long as nobody takes it.
    chaos.pair.run(400.0)
    chaos.hang_up()
    assert chaos.pair.kept == {}
