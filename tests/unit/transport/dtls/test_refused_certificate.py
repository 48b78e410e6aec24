"""The alert for a certificate that is not the signalled one, before our ChangeCipherSpec."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from OpenSSL import SSL

from peer.identity.certificate import Certificate
from peer.states import DtlsRole, DtlsTransportState
from peer.transport.dtls.handshake import SUSPICION_TIMEOUT
from peer.transport.dtls.record_filter import (
    BAD_CERTIFICATE,
    fatal_alert,
    has_change_cipher_spec,
    next_record_number,
)
from peer.transport.wire.dtls_records import ContentType, records
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.secure import Party, exchange
from tests.support.peers.tls_peer import TlsPeer, legacy_context

FAILED = DtlsTransportState.FAILED
SUITES = b"ECDHE-ECDSA-AES128-GCM-SHA256"


def refusing(role: DtlsRole) -> Party:
    """An end that was told of another certificate than it will be shown."""
    party = Party.make(role)
    party.association.verify([Certificate.generate().fingerprint()])
    return party


@pytest.mark.conformance("5-fp-mismatch")
@pytest.mark.parametrize("role", list(DtlsRole))
def test_the_refused_peer_fails_with_bad_certificate(role: DtlsRole) -> None:
    @in_virtual_time
    async def run() -> None:
        other = DtlsRole.SERVER if role is DtlsRole.CLIENT else DtlsRole.CLIENT
        ours, theirs = refusing(role), Party.make(other)
        sent: list[bytes] = []
        theirs.verify(ours)
        for party in (ours, theirs):
            party.association.start()
        while ours.events.sent or theirs.events.sent:
            for datagram in theirs.take():
                ours.association.receive(datagram)
            sent += ours.events.sent
            for datagram in ours.take():
                theirs.association.receive(datagram)
        await asyncio.sleep(SUSPICION_TIMEOUT + 0.1)

        assert ours.association.state is theirs.association.state is FAILED
        assert "refused the DTLS connection with bad_certificate" in str(theirs.association.error)
        assert "does not match the fingerprint" in str(ours.association.error)
        assert not any(map(has_change_cipher_spec, sent))
        (last,) = records(sent[-1])
        assert (last.content_type, last.epoch) == (ContentType.ALERT, 0)
        assert last.body == bytes([2, BAD_CERTIFICATE])

    run()


@pytest.mark.conformance("5-fp-mismatch")
@pytest.mark.parametrize("role", list(DtlsRole))
async def test_openssl_takes_the_alert_at_once(role: DtlsRole) -> None:
    ours = refusing(role)
    peer = TlsPeer(legacy_context(SUITES), client=role is DtlsRole.SERVER).ssl
    ours.association.start()

    def shake_hands() -> None:
        for _ in range(4):
            with contextlib.suppress(SSL.WantReadError):
                peer.do_handshake()
            with contextlib.suppress(SSL.WantReadError):
                ours.association.receive(peer.bio_read(4096))
            for datagram in ours.take():
                peer.bio_write(datagram)

    with pytest.raises(SSL.Error, match="bad certificate"):
        shake_hands()

    assert ours.association.state is FAILED


async def test_a_certificate_that_nobody_has_proven_is_not_refused() -> None:
    # Anybody can write a certificate into a datagram; the signature comes after it.
    ours, theirs = refusing(DtlsRole.CLIENT), Party.make(DtlsRole.SERVER)
    theirs.association.start()
    ours.association.start()
    for datagram in ours.take():
        theirs.association.receive(datagram)
    (flight,) = theirs.take()
    hello, certificate, *_ = records(flight)

    ours.association.receive(hello.data + certificate.data)

    assert ours.association.state is DtlsTransportState.CONNECTING
    assert ours.take() == []


async def test_the_certificate_is_accepted_where_it_matches() -> None:
    ours, theirs = Party.make(DtlsRole.CLIENT), Party.make(DtlsRole.SERVER)
    ours.verify(theirs)
    theirs.verify(ours)
    theirs.association.start()
    ours.association.start()
    exchange(ours, theirs)

    assert ours.association.state is theirs.association.state is DtlsTransportState.CONNECTED


def test_a_record_number_follows_those_in_clear_only() -> None:
    clear, protected = fatal_alert(42, record_number=7), bytearray(fatal_alert(42, record_number=9))
    protected[3:5] = b"\0\1"

    assert next_record_number([clear + bytes(protected)]) == 8
    assert next_record_number([]) == 0
