"""Signed fingerprints (RFC 8224) pass through Kamailio, and show it where it rewrites them."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from peer import Certificate, PeerConfiguration
from peer.errors import IdentityError
from peer.trust import PublicKeys, Signer, Trust, TrustLevel, Verifier
from signaling import sip
from signaling.sip.errors import CallRejected
from tests.support.negotiation.connections import until, within
from tests.support.peers.kamailio import DOMAIN, kamailio
from tests.support.peers.sip_phones import sounding

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from peer import PeerConnection

pytestmark = [
    pytest.mark.needs("kamailio"),
    pytest.mark.xdist_group("peer-kamailio"),
    pytest.mark.conformance("8.1-signed"),
]

NAMES = ("ann", "bob")
ADDRESSES = [f"sip:{name}@{DOMAIN}" for name in NAMES]
KEYS = {address: ec.generate_private_key(ec.SECP256R1()) for address in ADDRESSES}
KNOWN = PublicKeys({address: key.public_key() for address, key in KEYS.items()})


def signing(address: str) -> PeerConnection:
    """A connection that sends a tone, signs, and asks the other end to sign."""
    trust = Trust(
        signer=Signer(KEYS[address], origin=address),
        verifier=Verifier(KNOWN),
        require=TrustLevel.SIGNATURE,
    )
    return sounding(PeerConfiguration(trust=trust))


@asynccontextmanager
async def registered(
    folder: Path, *, fingerprint: str | None = None
) -> AsyncIterator[list[sip.Phone]]:
    """Two phones at a Kamailio, which may rewrite what they describe."""
    users = {name: f"secret-of-{name}" for name in NAMES}
    async with (
        kamailio(folder, users=users, fingerprint=fingerprint) as proxy,
        AsyncExitStack() as phones,
    ):
        yield [
            await phones.enter_async_context(sip.register(proxy.ws, address, users[name]))
            for name, address in zip(NAMES, ADDRESSES, strict=True)
        ]


def known_by(connection: PeerConnection) -> str:
    (transport,) = connection.security.transports
    return str(transport.peer)


async def test_both_ends_of_a_signed_call_through_kamailio_know_each_other(tmp_path: Path) -> None:
    async with registered(tmp_path) as (ann, bob):
        ours, theirs = map(signing, ADDRESSES)
        calling = asyncio.create_task(ann.invite(ADDRESSES[1], ours))
        await (await within(anext(bob.calls()))).answer(theirs)
        call = await within(calling)
        for connection in (ours, theirs):
            await within(connection.connected())
        names = [f"{address!r} by signature" for address in ADDRESSES[::-1]]
        assert [known_by(ours), known_by(theirs)] == names
        former = theirs.security.transports[0].remote_fingerprint
        await within(ours.rekey())
        await until(
            lambda: (
                theirs.security.transports[0].remote_fingerprint != former
                and [known_by(ours), known_by(theirs)] == names
            )
        )
        await within(call.hangup())


async def test_kamailio_that_rewrites_fingerprints_is_noticed(tmp_path: Path) -> None:
    another = str(Certificate.generate().fingerprint())
    async with registered(tmp_path, fingerprint=another) as (ann, bob):
        calling = asyncio.create_task(ann.invite(ADDRESSES[1], signing(ADDRESSES[0])))
        call = await within(anext(bob.calls()))
        assert another in call.session.invite.body.decode()
        with pytest.raises(IdentityError, match="does not cover the fingerprints"):
            await call.answer(signing(ADDRESSES[1]))
        with pytest.raises(CallRejected, match="438 Invalid Identity Header"):
            await within(calling)
