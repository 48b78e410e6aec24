"""Cookies of HelloVerifyRequests: of one client at one address, and of nobody else's."""

from __future__ import annotations

from dataclasses import replace

from peer.transport.dtls.hello_cookies import HelloCookies
from peer.transport.dtls.record_filter import ClientHello

HELLO = ClientHello(random=bytes(range(32)), cookie=b"")
HERE, ELSEWHERE = ("192.0.2.1", 5000), ("192.0.2.2", 5000)


def test_cookie_that_was_sent_is_taken_from_its_address_only() -> None:
    cookies = HelloCookies()
    again = replace(HELLO, cookie=cookies.cookie(HELLO, HERE))
    assert cookies.is_shown(again, HERE)
    assert not cookies.is_shown(again, ELSEWHERE)
    assert not cookies.is_shown(again, (HERE[0], HERE[1] + 1))


def test_cookie_is_of_one_client() -> None:
    cookies = HelloCookies()
    other = ClientHello(random=bytes(32), cookie=cookies.cookie(HELLO, HERE))
    assert not cookies.is_shown(other, HERE)


def test_no_cookie_is_none() -> None:
    assert not HelloCookies().is_shown(HELLO, HERE)


def test_cookie_is_not_taken_again_once_they_are_renewed() -> None:
    cookies = HelloCookies()
    again = replace(HELLO, cookie=cookies.cookie(HELLO, HERE))
    cookies.renew()
    assert not cookies.is_shown(again, HERE)


def test_secrets_of_two_transports_differ() -> None:
    assert HelloCookies().cookie(HELLO, HERE) != HelloCookies().cookie(HELLO, HERE)
