"""URLs of SIP servers name their transport, and one without TLS needs to be asked for."""

from __future__ import annotations

import ssl

import pytest

from signaling.errors import InsecureUrlError
from signaling.sip.errors import SipTransportError, SipUsageError
from signaling.sip.transport.opening import open_transport
from signaling.sip.transport.urls import SipTransportKind, read_url


@pytest.mark.parametrize(
    ("url", "kind", "host", "port"),
    [
        ("wss://example.org/sip", SipTransportKind.WSS, "example.org", None),
        ("WSS://example.org:8443", SipTransportKind.WSS, "example.org", 8443),
        ("ws://[::1]:80/", SipTransportKind.WS, "::1", 80),
        ("sips:example.org", SipTransportKind.TLS, "example.org", None),
        ("sips:[2001:db8::1]:5071;transport=tcp", SipTransportKind.TLS, "2001:db8::1", 5071),
        ("SIP:example.org;transport=TLS", SipTransportKind.TLS, "example.org", None),
        ("sip:127.0.0.1;transport=tcp", SipTransportKind.TCP, "127.0.0.1", None),
        ("sip:localhost:5070;transport=udp", SipTransportKind.UDP, "localhost", 5070),
        ("sip:127.0.0.1", SipTransportKind.UDP, "127.0.0.1", None),
    ],
)
def test_a_url_names_a_transport(
    url: str, kind: SipTransportKind, host: str, port: int | None
) -> None:
    server = read_url(url)
    assert (server.kind, server.host, server.port) == (kind, host, port)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "wss:example.org",
        "wss://",
        "wss://example.org:99999/",
        "sips:example.org;transport=udp",
        "sip:example.org;transport=sctp",
        "sips:",
        "example.org",
        "",
    ],
)
def test_another_url_is_refused(url: str) -> None:
    with pytest.raises(SipUsageError, match="no URL"):
        read_url(url)


@pytest.mark.conformance("8.2-transport")
@pytest.mark.parametrize(
    "url", ["ws://example.org", "sip:example.org", "sip:192.0.2.1;transport=tcp"]
)
def test_a_transport_without_tls_beyond_this_machine_is_asked_for(url: str) -> None:
    with pytest.raises(InsecureUrlError, match="insecure=True"):
        read_url(url)
    assert read_url(url, insecure=True).host in url


async def test_a_tls_context_protects_no_plain_transport() -> None:
    with pytest.raises(SipUsageError, match="is not TLS"):
        await open_transport("sip:127.0.0.1", ssl=ssl.create_default_context())


@pytest.mark.parametrize("url", ["wss://{}:9", "sips:{}:9", "sip:{}:9"])
async def test_a_host_that_no_name_can_be_is_named(url: str) -> None:
    with pytest.raises(SipTransportError, match="cannot be reached"):
        await open_transport(url.format("a" * 70 + ".example"), insecure=True)


@pytest.mark.parametrize("url", ["ws://127.0.0.1:9", "sip:127.0.0.1:9;transport=tcp"])
async def test_a_server_that_is_not_there_is_named(url: str) -> None:
    with pytest.raises(SipTransportError, match=r"127\.0\.0\.1:9.* cannot be reached"):
        await open_transport(url)
