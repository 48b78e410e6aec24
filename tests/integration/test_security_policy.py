"""What an application may choose about the security of a connection, seen on connections."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from peer import (
    Certificate,
    FingerprintError,
    HashFunction,
    KeyType,
    PeerConnection,
    SrtpProfile,
)
from peer.identity.fingerprints import Fingerprint
from tests.support.captures.captured_call import call
from tests.support.negotiation.connection_media import ToneTrack, hears
from tests.support.negotiation.connections import connect, connected_pair, local, loopback, pair

if TYPE_CHECKING:
    from pathlib import Path

GCM_256, GCM_128, CM = SrtpProfile


def profile(pc: PeerConnection) -> SrtpProfile | None:
    (transport,) = pc.security.transports
    return transport.srtp_profile


# SRTP profiles


@pytest.mark.conformance("6.10-srtp")
@pytest.mark.parametrize("order", list(permutations(SrtpProfile)))
async def test_the_order_of_the_server_decides(order: tuple[SrtpProfile, ...]) -> None:
    # The offerer is the server, as the answerer is active.
    async with connected_pair(loopback(srtp_profiles=order)) as (left, right, _):
        assert profile(left) is profile(right) is order[0]


@pytest.mark.conformance("6.10-srtp")
@pytest.mark.parametrize("only", SrtpProfile)
async def test_media_flows_under_each_profile(only: SrtpProfile) -> None:
    async with pair(right=loopback(srtp_profiles=[only.value])) as (left, right):
        left.addTrack(ToneTrack(500))
        await connect(left, right)

        assert profile(left) is profile(right) is only
        await hears(right.getReceivers()[0].track, 500)


@pytest.mark.conformance("6.10-srtp")
@pytest.mark.parametrize(
    ("order", "numbers"),
    [((GCM_256, CM), "00080001"), ((CM, GCM_128), "00010007"), ((GCM_128,), "0007")],
)
async def test_the_client_offers_its_order_on_the_wire(
    order: tuple[SrtpProfile, ...], numbers: str
) -> None:
    async with call(right=loopback(srtp_profiles=order)) as between:
        between.offerer.createDataChannel("x")
        await between.connect()

        hello = b"".join(
            each.data for each in between.wire.log if each.is_dtls and each.data[13] == 1
        )
        profiles = bytes.fromhex(numbers)
        # RFC 5764 section 4.1.1: extension 14, with a list of numbers and an empty MKI.
        size = len(profiles)
        extension = (14).to_bytes(2) + (size + 3).to_bytes(2) + size.to_bytes(2) + profiles + b"\0"
        assert extension in hello


# Hashes


@pytest.mark.conformance("5-hashes")
async def test_a_hash_that_is_not_accepted_is_refused_by_name() -> None:
    strict = loopback(accepted_hashes=[HashFunction.SHA512])
    async with pair(right=strict) as (left, right):
        left.createDataChannel("x")
        await left.setLocalDescription()

        with pytest.raises(FingerprintError, match="sha-256 is not accepted; sha-512 is needed"):
            await right.setRemoteDescription(local(left))
        assert right.signalingState == "stable"


@pytest.mark.conformance("5-hashes", "5-fp-match")
@pytest.mark.parametrize("other_is_right", [True, False])
async def test_a_hash_that_is_not_accepted_counts_as_absent(other_is_right: bool) -> None:
    strict = loopback(accepted_hashes=["sha-256"])
    certificate = Certificate.generate()
    right_hash = (certificate if other_is_right else Certificate.generate()).fingerprint(
        HashFunction.SHA512
    )
    async with call(loopback(certificates=[certificate]), strict) as between:
        between.offerer.createDataChannel("x")

        await between.offer(
            lambda sdp: sdp.replace("a=setup", f"a=fingerprint:{right_hash}\r\na=setup")
        )
        await between.offerer.setRemoteDescription(await between.make_answer())
        # What matches by SHA-256 is enough, whatever SHA-512 would say.
        await between.answerer.connected()


# Certificates


@pytest.mark.conformance("5-ecdsa-rsa")
@pytest.mark.parametrize("kinds", [(a, b) for a in KeyType for b in KeyType])
async def test_ecdsa_and_rsa_connect_with_one_another(kinds: tuple[KeyType, KeyType]) -> None:
    mine, theirs = (Certificate.generate(kind) for kind in kinds)
    async with connected_pair(loopback(certificates=[mine]), loopback(certificates=[theirs])) as (
        left,
        right,
        _,
    ):
        assert left.security.transports[0].local_fingerprint == mine.fingerprint()
        assert left.security.transports[0].remote_fingerprint == theirs.fingerprint()
        # What signs is the server's, which the offerer is.
        signature = "ECDSA" if kinds[0] is KeyType.ECDSA_P256 else "RSA"
        assert signature in (right.security.transports[0].cipher or "")


async def test_the_first_of_several_certificates_is_shown() -> None:
    several = [Certificate.generate(), Certificate.generate(KeyType.RSA_2048)]
    async with connected_pair(loopback(certificates=several)) as (left, right, _):
        assert f"a=fingerprint:{several[0].fingerprint()}" in local(left).sdp
        assert str(several[1].fingerprint()) not in local(left).sdp
        assert right.security.transports[0].remote_fingerprint == several[0].fingerprint()


@pytest.mark.parametrize("kind", KeyType)
async def test_a_certificate_out_of_a_file_is_shown(kind: KeyType, tmp_path: Path) -> None:
    made = Certificate.generate(kind)
    for name, text in zip(("cert.pem", "key.pem"), made.to_pem(), strict=True):
        (tmp_path / name).write_bytes(text)

    loaded = Certificate.from_pem(
        (tmp_path / "cert.pem").read_text(), (tmp_path / "key.pem").read_text()
    )
    async with connected_pair(loopback(certificates=[loaded])) as (_, right, _):
        assert right.security.transports[0].remote_fingerprint == made.fingerprint()


# The summary


async def test_security_summary_before_there_is_a_transport() -> None:
    async with PeerConnection(loopback()) as pc:
        assert pc.security.transports == ()
        assert not pc.security.verified
        assert str(pc.security) == "no transport yet"


async def test_the_summary_of_a_connection_has_a_line_for_each_transport() -> None:
    async with PeerConnection(loopback(bundlePolicy="max-compat")) as pc:
        pc.addTransceiver("audio")
        pc.createDataChannel("x")
        await pc.setLocalDescription()
        before = pc.security

        assert [each.key for each in before.transports] == ["0", "1"]
        assert not before.verified
        assert str(before).splitlines() == [
            f"transport {key}: new, peer NOT verified, ours "
            f"{before.transports[0].local_fingerprint}"
            for key in ("0", "1")
        ]


async def test_the_summary_of_a_connected_transport() -> None:
    async with connected_pair() as (left, right, _):
        (mine,), (theirs,) = left.security.transports, right.security.transports
        stats = {each.type: each for each in (await left.getStats()).values()}

        assert left.security.verified
        assert right.security.verified
        assert mine.state == theirs.state == "connected"
        assert (mine.role, theirs.role) == ("server", "client")
        assert mine.version == "DTLSv1.2"
        assert mine.cipher == theirs.cipher
        assert mine.srtp_profile is GCM_256
        assert isinstance(mine.remote_fingerprint, Fingerprint)
        assert mine.remote_fingerprint == theirs.local_fingerprint
        assert mine.selected_pair is not None
        assert theirs.selected_pair is not None
        assert mine.selected_pair[0].port == theirs.selected_pair[1].port
        local_end, remote_end = mine.selected_pair
        assert str(left.security) == (
            f"transport 0: connected as server, peer verified, DTLSv1.2 {mine.cipher}, "
            f"SRTP_AEAD_AES_256_GCM, the peer's certificate {mine.remote_fingerprint}, "
            f"ours {mine.local_fingerprint}, "
            f"127.0.0.1:{local_end.port} (host) to 127.0.0.1:{remote_end.port} "
            f"({remote_end.type})"
        )
        assert getattr(stats["transport"], "srtpCipher", None) == mine.srtp_profile
