"""Our association with aiortc's own RTCDtlsTransport as the peer."""

from __future__ import annotations

import asyncio

import pytest

from peer.identity.certificate import Certificate
from peer.states import DtlsRole, DtlsTransportState
from tests.support.links.secure import End, joined, rtp, until
from tests.support.peers.aiortc_peer import AiortcPeer

OTHER = {DtlsRole.CLIENT: DtlsRole.SERVER, DtlsRole.SERVER: DtlsRole.CLIENT}


async def met(role: DtlsRole) -> tuple[End, AiortcPeer]:
    """Our end in this role, connected to aiortc's in the other."""
    ours, _ = joined()
    peer = AiortcPeer(ours, OTHER[role])
    ours.connect(role, peer.fingerprints)
    ours.ice()
    await asyncio.gather(peer.start(ours.fingerprints), ours.secure.connected())
    return ours, peer


@pytest.mark.parametrize("role", list(DtlsRole))
async def test_association_with_aiortc_carries_data_and_media_both_ways(role: DtlsRole) -> None:
    ours, peer = await met(role)

    await peer.send_rtp(rtp(1))
    await peer.send_data(b"from aiortc")
    ours.secure.send_data(b"from us")
    await ours.secure.close()

    assert peer.dtls.state == "connected"
    assert ours.events.rtp == [rtp(1)]
    assert ours.events.data == [b"from aiortc"]
    closed = asyncio.Event()
    peer.dtls.on("statechange", closed.set)
    await closed.wait()
    assert peer.data == [b"from us"]
    assert peer.dtls.state == "closed"


@pytest.mark.parametrize("role", list(DtlsRole))
async def test_close_of_aiortc_ends_our_association(role: DtlsRole) -> None:
    ours, peer = await met(role)

    await peer.stop()
    await until(lambda: ours.secure.state is DtlsTransportState.CLOSED, ours.events)

    assert ours.secure.error is None


@pytest.mark.conformance("5-fp-mismatch")
@pytest.mark.parametrize("role", list(DtlsRole))
async def test_a_certificate_it_did_not_announce_is_refused(role: DtlsRole) -> None:
    ours, _ = joined()
    peer = AiortcPeer(ours, OTHER[role])
    stranger = Certificate.generate().fingerprint()
    ours.connect(role, [stranger])
    ours.ice()

    await peer.start(ours.fingerprints)

    assert ours.secure.state is DtlsTransportState.FAILED
    assert str(stranger) in str(ours.secure.error)
    assert str(peer.fingerprints[0]) in str(ours.secure.error)
    await peer.stop()
