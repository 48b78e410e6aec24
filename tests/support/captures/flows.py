"""The message flow of RFC 5763 section 7.1, to compare captured datagrams with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.captures.dtls_reader import flow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.support.captures.wire import Captured, Side

_SERVERS_FLIGHT = (
    "ServerHello",
    "Certificate",
    "ServerKeyExchange",
    "CertificateRequest",
    "ServerHelloDone",
)
_CLIENTS_FLIGHT = (
    "Certificate",
    "ClientKeyExchange",
    "CertificateVerify",
    "ChangeCipherSpec",
    "Finished",
)
_SRTP = "SRTP"
# RFC 8489 section 5: a Binding request, and the success that answers it.
_CHECKS = {b"\x00\x01": "Binding request", b"\x01\x01": "Binding success"}


def basic_flow(client: Side) -> list[str]:
    """List the messages from the first ICE check to the first SRTP, as the RFC draws them.

    Args:
        client: Side that is the DTLS client.
    """
    return [
        *_CHECKS.values(),
        f"{client}: ClientHello",
        *(f"{client.other}: {message}" for message in _SERVERS_FLIGHT),
        *(f"{client}: {message}" for message in _CLIENTS_FLIGHT),
        f"{client.other}: ChangeCipherSpec",
        f"{client.other}: Finished",
        _SRTP,
    ]


def flow_until_media(log: Iterable[Captured]) -> list[str]:
    """List the messages captured on one path until the first SRTP, each where it comes first.

    Fragments, retransmitted flights and application data are left out.
    """
    said: dict[str, None] = {}
    for captured in log:
        said.update(dict.fromkeys(_said(captured)))
        if captured.is_srtp:
            break
    return list(said)


def _said(captured: Captured) -> Iterator[str]:
    if captured.is_srtp:
        yield _SRTP
    elif captured.is_dtls:
        for sender, message in flow([captured]):
            if message != "ApplicationData":
                yield f"{sender}: {message}"
    elif captured.data[:2] in _CHECKS:
        yield _CHECKS[captured.data[:2]]
