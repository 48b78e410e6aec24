"""The handshake with stacks of others, in every role that they take (docs/INTEROP.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from peer.configuration.security_policy import SrtpProfile
from peer.iana_names import srtp_profile
from peer.identity.certificate import KeyType
from tests.support.peers.handshakes import Call, Handshake, Way
from tests.support.peers.third_party import ThirdParty

if TYPE_CHECKING:
    from tests.support.peers.interop import Results

PEERS = tuple(name.value for name in ThirdParty)
#: The others' certificates are ECDSA.
RSA_PEERS = {ThirdParty.WEBRTCBIN}
#: What their stacks do not have.
UNKNOWN_PROFILES = {
    ThirdParty.WRTC: {SrtpProfile.AEAD_AES_256_GCM, SrtpProfile.AEAD_AES_128_GCM},
    ThirdParty.PION: {SrtpProfile.AEAD_AES_256_GCM},
    ThirdParty.WEBRTCBIN: {SrtpProfile.AEAD_AES_256_GCM, SrtpProfile.AEAD_AES_128_GCM},
    ThirdParty.WERIFT: {SrtpProfile.AEAD_AES_256_GCM},
}


@pytest.fixture(params=Way, ids=lambda way: way.name.lower())
def way(request: pytest.FixtureRequest) -> Way:
    return Way(request.param)


@pytest.fixture
def handshake(results: Results, way: Way) -> Handshake:
    return seen(results, Call(way))


def seen(results: Results, call: Call) -> Handshake:
    result = results.of(call)
    assert result.handshake is not None, result.problem
    return result.handshake


@pytest.mark.conformance("5-offer", "5-answer", peers=PEERS)
def test_offers_leave_the_role_open_and_answers_take_one(handshake: Handshake, way: Way) -> None:
    # Two m-sections: audio and data.
    assert list(handshake.our_setups) == [way.our_setup] * 2
    theirs = "active" if way is Way.OFFER else "actpass"
    assert set(handshake.peer_setups) == {theirs}


@pytest.mark.conformance("5-role-resolve", peers=PEERS)
def test_both_ends_take_the_negotiated_dtls_roles(handshake: Handshake, way: Way) -> None:
    other = "client" if way.our_role == "server" else "server"
    assert handshake.role == way.our_role
    # Not every stack tells.
    assert handshake.peer_transport.get("dtlsRole", other) == other


@pytest.mark.conformance("8.8-pfs", peers=PEERS)
def test_the_suite_is_forward_secret(handshake: Handshake) -> None:
    assert handshake.version in ("FEFD", "FEFC")
    assert handshake.cipher is not None
    assert handshake.cipher.startswith("TLS_")


@pytest.mark.conformance("5-fp-match", peers=PEERS)
def test_the_certificate_is_the_one_signalled(handshake: Handshake) -> None:
    assert handshake.verified
    assert set(handshake.signalled) == {handshake.shown}


@pytest.mark.conformance("6.10-srtp", peers=PEERS)
def test_the_peer_decrypts_our_media(handshake: Handshake) -> None:
    assert handshake.profile in set(map(srtp_profile, SrtpProfile))
    assert handshake.audio_packets > 0


def test_third_party_peer_echoes_data_channel_messages(handshake: Handshake) -> None:
    assert handshake.echo == "There and back"


@pytest.mark.conformance("5-ecdsa-rsa", peers=PEERS)
def test_our_certificate_may_be_of_rsa(results: Results) -> None:
    # The suite names the server's key, and offering we are the server.
    suite = seen(results, Call(Way.OFFER, KeyType.RSA_2048)).cipher or ""
    assert suite.startswith("TLS_ECDHE_RSA_")


@pytest.mark.conformance("5-ecdsa-rsa", peers=PEERS)
def test_the_peers_certificate_may_be_of_either(results: Results) -> None:
    suite = seen(results, Call(Way.ANSWER_ACTIVE)).cipher or ""
    key = "RSA" if results.peer in RSA_PEERS else "ECDSA"
    assert suite.startswith(f"TLS_ECDHE_{key}_")


@pytest.mark.conformance("6.10-srtp", peers=PEERS)
@pytest.mark.parametrize("profile", SrtpProfile, ids=lambda profile: profile.name.lower())
def test_the_only_profile_that_we_allow_is_taken_or_the_call_fails(
    results: Results, profile: SrtpProfile
) -> None:
    call = Call(Way.OFFER, profile=profile)
    if profile in UNKNOWN_PROFILES.get(results.peer, ()):
        # Alert 71 is how Pion says that no SRTP profile fits.
        problem = results.of(call).problem or ""
        assert "no SRTP profile in common" in problem or "insufficient_security" in problem
    else:
        assert seen(results, call).profile == srtp_profile(profile)
