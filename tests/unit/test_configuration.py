"""A configuration that is logged or printed shows no secret."""

from __future__ import annotations

from peer import Certificate, IceServer, PeerConfiguration


def test_configuration_repr_hides_turn_credential_and_private_key() -> None:
    server = IceServer("turn:192.0.2.1", username="user", credential="turn-password")
    certificate = Certificate.generate()
    text = repr(PeerConfiguration(iceServers=(server,), certificates=(certificate,)))
    assert "turn:192.0.2.1" in text
    assert "turn-password" not in text
    assert str(certificate.fingerprint()) in text
    assert "PRIVATE KEY" not in text
