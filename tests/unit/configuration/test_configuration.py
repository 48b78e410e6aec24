"""A configuration refuses what cannot be used, and shows no secret."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from peer import (
    Certificate,
    ConfigurationError,
    CredentialsError,
    HashFunction,
    IceServer,
    InvalidAccessError,
    PeerConfiguration,
    Sdes,
    SrtpProfile,
)

CM_80 = SrtpProfile.AES128_CM_HMAC_SHA1_80


def test_configuration_repr_hides_turn_credential_and_private_key() -> None:
    server = IceServer("turn:192.0.2.1", username="user", credential="turn-password")
    certificate = Certificate.generate()
    text = repr(PeerConfiguration(iceServers=(server,), certificates=(certificate,)))
    assert "turn:192.0.2.1" in text
    assert "turn-password" not in text
    assert str(certificate.fingerprint()) in text
    assert "PRIVATE KEY" not in text


@pytest.mark.parametrize("place", [0, 1])
def test_configuration_refuses_expired_certificate_by_fingerprint(place: int) -> None:
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    expired = Certificate.generate(now=past)
    several = [Certificate.generate()]
    several.insert(place, expired)

    with pytest.raises(ConfigurationError, match="expired on 2020-01-31") as raised:
        PeerConfiguration(certificates=several)
    assert str(expired.fingerprint()) in str(raised.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"srtp_profiles": ()}, "srtp_profiles is a sequence with at least one"),
        ({"srtp_profiles": ("SRTP_NULL_HMAC_SHA1_80",)}, "not 'SRTP_NULL_HMAC_SHA1_80'"),
        ({"srtp_profiles": (CM_80, CM_80)}, "twice"),
        ({"srtp_profiles": "SRTP_AES128_CM_SHA1_80"}, "is a sequence"),
        ({"accepted_hashes": ()}, "accepted_hashes is a sequence with at least one"),
        ({"accepted_hashes": ("sha-1",)}, "sha-1 is too weak"),
        ({"accepted_hashes": ("md5",)}, "md5 is too weak"),
        ({"accepted_hashes": ("sha-3",)}, "not 'sha-3'"),
        ({"early_media": "drop"}, "early_media is one of 'hold', 'unverified', not 'drop'"),
        ({"handshake_timeout": 0}, "handshake_timeout is a positive number"),
        ({"handshake_timeout": float("nan")}, "handshake_timeout is a positive number"),
        ({"connect_timeout": -1}, "connect_timeout is a positive number"),
        ({"port_range": (0, 10)}, "port_range is the first and the last"),
        ({"port_range": (1, 65536)}, "port_range is the first and the last"),
        ({"port_range": (2, 1)}, "port_range is the first and the last"),
        ({"port_range": (1,)}, "port_range is the first and the last"),
        ({"port_range": (1, 2, 3)}, "port_range is the first and the last"),
        ({"port_range": 7000}, "port_range is the first and the last"),
        ({"port_range": "12"}, "port_range is the first and the last"),
        ({"port_range": ("1", "2")}, "port_range is the first and the last"),
        ({"port_range": (1.0, 2.0)}, "port_range is the first and the last"),
        ({"one_port": 0}, "one_port is a port from 1 to 65535, not 0"),
        ({"one_port": 65536}, "one_port is a port"),
        ({"one_port": True}, "one_port is a port from 1 to 65535, not True"),
        ({"one_port": "50000"}, "one_port is a port from 1 to 65535, not '50000'"),
        ({"one_port": 50000, "bundlePolicy": "max-compat"}, "'max-compat' exclude each other"),
        ({"ice": "never"}, "ice is one of 'require', 'optional', not 'never'"),
        ({"rtcp_mux": "never"}, "rtcp_mux is one of 'negotiate', 'require', not 'never'"),
        ({"rtcp_mux": "negotiate"}, "rtcp_mux 'negotiate' needs ice 'optional'"),
        ({"ice": "optional", "one_port": 50000}, "one_port and ice 'optional' exclude each other"),
        (
            {"alwaysNegotiateDataChannels": 1},
            "alwaysNegotiateDataChannels is True or False, not 1",
        ),
        (
            {"alwaysNegotiateDataChannels": True, "sdes": Sdes()},
            "sdes and alwaysNegotiateDataChannels exclude each other",
        ),
        ({"ice_tcp": "passive"}, "ice_tcp is True or False, not 'passive'"),
        ({"one_port": 50000, "port_range": (50000, 50000)}, "exclude each other"),
    ],
)
def test_configuration_refuses_invalid_choice(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        PeerConfiguration(**options)


def test_configuration_accepts_security_choices_as_strings() -> None:
    choices: dict[str, Any] = {
        "srtp_profiles": ["SRTP_AES128_CM_SHA1_80"],
        "accepted_hashes": ["sha-512"],
        "early_media": "unverified",
    }
    configuration = PeerConfiguration(**choices)

    assert configuration.srtp_profiles == (SrtpProfile.AES128_CM_HMAC_SHA1_80,)
    assert configuration.accepted_hashes == (HashFunction.SHA512,)
    assert configuration.early_media == "unverified"


@pytest.mark.parametrize(
    ("username", "credential", "words"),
    [
        (None, "secret", "needs a username and a credential"),
        ("user", None, "needs a username and a credential"),
        ("user", "", "is empty"),
        ("é" * 255, "secret", "has 510 bytes"),
    ],
)
def test_turn_server_without_credentials_that_can_be_used_is_refused(
    username: str | None, credential: str | None, words: str
) -> None:
    with pytest.raises(CredentialsError, match=words) as refusal:
        IceServer("turn:turn.example", username=username, credential=credential)
    assert isinstance(refusal.value, InvalidAccessError)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("turn://turn.example", "is not a STUN or TURN URL"),
        ("turn:turn.example:70000", "is not from 1 to 65535"),
        ("turns:::1", "is not a STUN or TURN URL"),
        ("stun:[::", "is not a STUN or TURN URL"),
        ("https://turn.example", "starts with stun:, turn: or turns:"),
        ("stun:stun.example?transport=udp", "has no transport"),
    ],
)
def test_malformed_server_url_is_refused_before_its_credentials_are_looked_for(
    url: str, words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words) as refusal:
        IceServer(url)
    assert not isinstance(refusal.value, CredentialsError)


@pytest.mark.parametrize("size", [-1, 256, True, "1"])
def test_candidate_pool_size_out_of_range_is_refused(size: Any) -> None:
    with pytest.raises(ConfigurationError, match="from 0 to 255"):
        PeerConfiguration(iceCandidatePoolSize=size)


def test_rtcp_mux_policy_has_the_name_of_w3c() -> None:
    assert PeerConfiguration().rtcpMuxPolicy == "require"
