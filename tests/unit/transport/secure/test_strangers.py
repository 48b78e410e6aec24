"""ClientHellos of unknown senders: verified first, and one at a time."""

from __future__ import annotations

from dataclasses import replace

from peer.transport.dtls.record_filter import ClientHello
from peer.transport.secure.strangers import TAKE_OVER_INTERVAL, StrangerGate, StrangerVerdict

PEER, OTHER = ("192.0.2.1", 5000), ("192.0.2.2", 5000)


def hello(number: int) -> ClientHello:
    return ClientHello(random=bytes([number] * 32), cookie=b"")


def verified(gate: StrangerGate, number: int, source: tuple[str, int]) -> ClientHello:
    return replace(hello(number), cookie=gate.cookies.cookie(hello(number), source))


def test_client_hello_without_a_cookie_is_verified_and_nothing_is_kept() -> None:
    gate = StrangerGate()
    for number in range(200):
        assert gate.judge(hello(number), OTHER, 0.0, has_turn=False) is StrangerVerdict.VERIFY
    first = verified(gate, 1, PEER)
    assert gate.judge(first, PEER, 0.0, has_turn=False) is StrangerVerdict.ACCEPT


def test_second_client_waits_for_its_turn() -> None:
    gate = StrangerGate()
    gate.judge(verified(gate, 1, OTHER), OTHER, 10.0, has_turn=False)
    second = verified(gate, 2, PEER)
    assert gate.judge(second, PEER, 10.1, has_turn=False) is StrangerVerdict.IGNORE
    later = 10.0 + TAKE_OVER_INTERVAL
    assert gate.judge(second, PEER, later, has_turn=False) is StrangerVerdict.ACCEPT


def test_client_of_the_signalled_address_does_not_wait() -> None:
    gate = StrangerGate()
    gate.judge(verified(gate, 1, OTHER), OTHER, 10.0, has_turn=False)
    second = verified(gate, 2, PEER)
    assert gate.judge(second, PEER, 10.1, has_turn=True) is StrangerVerdict.ACCEPT


def test_accepted_client_hello_is_not_accepted_again() -> None:
    gate = StrangerGate()
    first = verified(gate, 1, PEER)
    gate.judge(first, PEER, 0.0, has_turn=True)
    assert gate.judge(first, PEER, 100.0, has_turn=True) is StrangerVerdict.VERIFY
