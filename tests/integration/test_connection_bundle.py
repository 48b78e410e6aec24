"""How many transports there are, and which DTLS role and certificate each has."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from peer import (
    AnswerRole,
    BundlePolicy,
    Certificate,
    DtlsError,
    PeerConnection,
)
from peer.runtime.transport_statistics import CertificateStats, TransportStats
from tests.support.negotiation.connection_media import RED, ColourTrack, ToneTrack, hears, sees
from tests.support.negotiation.connection_state import eventually, sockets
from tests.support.negotiation.connections import (
    announced,
    answer,
    both_connected,
    connect,
    expected,
    forged,
    local,
    loopback,
    offer,
    opened,
    pair,
    unbundled,
    within,
)

if TYPE_CHECKING:
    from peer.identity.fingerprints import Fingerprint


async def transports(pc: PeerConnection) -> list[TransportStats]:
    return [each for each in (await pc.getStats()).values() if isinstance(each, TransportStats)]


def wish(pc: PeerConnection) -> None:
    """Two m-sections of sound, one of pictures and one of data."""
    for kind in ("audio", "audio", "video"):
        pc.addTransceiver(kind)
    pc.createDataChannel("x")


@pytest.mark.parametrize(
    ("policy", "count", "bundle_only"),
    [
        (BundlePolicy.MAX_BUNDLE, 1, 3),
        (BundlePolicy.BALANCED, 3, 1),
        (BundlePolicy.MAX_COMPAT, 4, 0),
    ],
)
async def test_a_policy_decides_how_many_transports_an_offer_has(
    policy: BundlePolicy, count: int, bundle_only: int
) -> None:
    async with pair(loopback(bundlePolicy=policy)) as (left, right):
        before = len(sockets())
        wish(left)
        await left.setLocalDescription()
        assert len(sockets()) - before == count
        assert local(left).sdp.count("a=bundle-only") == bundle_only
        assert len(set(re.findall(r"a=tls-id:(\S+)", local(left).sdp))) == count

        await right.setRemoteDescription(local(left))
        await answer(right, left)
        await both_connected(left, right)

        assert len(await transports(left)) == len(await transports(right)) == 1
        # What was bundled away is closed.
        await eventually(lambda: len(sockets()) - before == 2)


async def test_the_sections_of_a_bundle_group_have_the_same_credentials() -> None:
    # Pion and GStreamer refuse an offer where they have not, bundled or not yet.
    async with PeerConnection(loopback(bundlePolicy=BundlePolicy.MAX_COMPAT)) as pc:
        wish(pc)
        await pc.setLocalDescription()
        for name in ("ice-ufrag", "ice-pwd"):
            values = re.findall(rf"a={name}:(\S+)", local(pc).sdp)
            assert len(values) == 4
            assert len(set(values)) == 1


@pytest.mark.parametrize("policy", [BundlePolicy.BALANCED, BundlePolicy.MAX_COMPAT])
async def test_an_answer_need_not_bundle(policy: BundlePolicy) -> None:
    async with pair(loopback(bundlePolicy=policy)) as (left, right):
        coming = expected(right, "track")
        channel = left.createDataChannel("x")
        left.addTrack(ToneTrack(600))
        await left.setLocalDescription()
        await right.setRemoteDescription(unbundled(local(left)))
        await answer(right, left)
        await both_connected(left, right)

        assert "a=group:BUNDLE" not in local(right).sdp
        assert len(await transports(left)) == len(await transports(right)) == 2
        await opened(channel)
        await hears((await within(coming)).track, 600)


async def test_data_before_the_first_transceiver_with_max_bundle() -> None:
    """Where aiortc stops the transport that all share, and never connects."""
    configuration = loopback(bundlePolicy=BundlePolicy.MAX_BUNDLE)
    async with pair(configuration, configuration) as (left, right):
        coming = expected(right, "track")
        channel = left.createDataChannel("first")
        left.addTrack(ColourTrack(RED))
        await connect(left, right)

        await opened(channel)
        await sees((await within(coming)).track, RED)


async def test_m_section_added_later_joins_the_bundle() -> None:
    async with pair(loopback(bundlePolicy=BundlePolicy.MAX_COMPAT)) as (left, right):
        left.createDataChannel("x")
        await connect(left, right)
        before = sockets()
        coming = expected(right, "track")
        left.addTrack(ColourTrack(RED))
        await connect(left, right)

        assert sockets() == before
        await sees((await within(coming)).track, RED)


async def test_the_bundle_outlives_the_m_section_that_it_began_with() -> None:
    async with pair() as (left, right):
        first = left.addTransceiver("audio")
        channel = left.createDataChannel("x")
        await connect(left, right)
        await opened(channel)
        await first.stop()
        await connect(left, right)
        coming = expected(right, "track")
        left.addTrack(ColourTrack(RED))
        await connect(left, right)

        assert channel.readyState == "open"
        await sees((await within(coming)).track, RED)


@pytest.mark.parametrize(
    ("role", "setup", "roles"),
    [
        (AnswerRole.ACTIVE, "active", ("server", "client")),
        (AnswerRole.PASSIVE, "passive", ("client", "server")),
    ],
)
async def test_the_answerer_may_choose_the_dtls_role(
    role: AnswerRole, setup: str, roles: tuple[str, str]
) -> None:
    async with pair(right=loopback(answer_role=role)) as (left, right):
        left.createDataChannel("x")
        await connect(left, right)

        assert "a=setup:actpass" in local(left).sdp
        assert f"a=setup:{setup}" in local(right).sdp
        (ours,), (theirs,) = await transports(left), await transports(right)
        assert (ours.dtlsRole, theirs.dtlsRole) == roles


async def test_roles_stay_when_the_answerer_offers() -> None:
    async with pair() as (left, right):
        left.createDataChannel("x")
        await connect(left, right)
        right.addTransceiver("audio")
        await connect(right, left)

        (ours,) = await transports(left)
        assert "a=setup:actpass" in local(right).sdp
        assert "a=setup:passive" in local(left).sdp
        assert ours.dtlsRole == "server"


async def test_a_configured_certificate_is_the_one_that_is_shown() -> None:
    certificate = Certificate.generate()
    async with pair(loopback(certificates=[certificate])) as (left, right):
        left.createDataChannel("x")
        await connect(left, right)

        seen = [e for e in (await right.getStats()).values() if isinstance(e, CertificateStats)]
        assert f"a=fingerprint:{certificate.fingerprint()}" in local(left).sdp
        assert certificate.fingerprint().value in [each.fingerprint for each in seen]


async def test_every_connection_has_a_certificate_of_its_own() -> None:
    async with pair() as (left, right):
        for pc in (left, right):
            pc.createDataChannel("x")
            await pc.setLocalDescription()

        assert announced(left) != announced(right)


async def is_found_out(impostor: PeerConnection, victim: PeerConnection, said: Fingerprint) -> None:
    """Check that the victim has failed, and says of whom it heard and whom it met."""
    with pytest.raises(DtlsError) as raised:
        await within(victim.connected())

    assert victim.connectionState == "failed"
    assert victim.error is raised.value
    assert f"expected {said}" in str(raised.value)
    assert f"shown {announced(impostor)}" in str(raised.value)
    assert [each.dtlsState for each in await transports(victim)] == ["failed"]


@pytest.mark.conformance("5-fp-mismatch")
async def test_an_offerer_that_shows_another_certificate_fails_the_connection() -> None:
    stranger = Certificate.generate().fingerprint()
    async with pair() as (left, right):
        channel = left.createDataChannel("x")
        await left.setLocalDescription()
        await right.setRemoteDescription(forged(local(left), stranger))
        await answer(right, left)

        await is_found_out(left, right, stranger)
        assert channel.readyState != "open"


@pytest.mark.conformance("5-fp-mismatch")
async def test_an_answerer_that_shows_another_certificate_fails_the_connection() -> None:
    stranger = Certificate.generate().fingerprint()
    async with pair() as (left, right):
        channel = left.createDataChannel("x")
        await offer(left, right)
        await right.setLocalDescription()
        await left.setRemoteDescription(forged(local(right), stranger))

        await is_found_out(right, left, stranger)
        assert channel.readyState != "open"


async def test_one_transport_that_fails_fails_the_connection() -> None:
    stranger = Certificate.generate().fingerprint()
    async with pair(loopback(bundlePolicy=BundlePolicy.MAX_COMPAT)) as (left, right):
        left.addTransceiver("audio")
        left.createDataChannel("x")
        await left.setLocalDescription()
        await right.setRemoteDescription(unbundled(local(left)))
        await right.setLocalDescription()
        head, found, last = local(right).sdp.rpartition("m=")
        second = forged(replace(local(right), sdp=last), stranger)
        await left.setRemoteDescription(replace(second, sdp=f"{head}{found}{second.sdp}"))

        with pytest.raises(DtlsError, match="expected"):
            await within(left.connected())
        states = [each.dtlsState for each in await transports(left)]
        assert states.count("failed") == 1
        assert len(states) == 2
