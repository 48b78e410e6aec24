"""Words each failure of a DTLS handshake in one sentence that names its cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.errors import DtlsError
from peer.states import DtlsRole
from peer.transport.wire.dtls_messages import ALERTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from OpenSSL import SSL

    from peer.configuration.security_policy import SrtpProfile
    from peer.identity.fingerprints import Fingerprint
    from peer.times import Seconds

_TOO_OLD = "the peer does not speak DTLS 1.2, and RFC 8827 section 6.5 allows nothing older"

_BAD_SIGNATURE = "bad signature"

#: Sentences for our own objections, by OpenSSL's reason string.
_OBJECTIONS = {
    "no shared cipher": "the peer offers no cipher suite with forward secrecy that we accept",
    "no suitable signature algorithm": "the peer offers no signature algorithm that we accept",
    "wrong cipher returned": "the peer chose a cipher suite that we had not offered",
    "unsupported protocol": _TOO_OLD,
    "wrong version number": _TOO_OLD,
    "version too low": _TOO_OLD,
    "wrong ssl version": _TOO_OLD,
    "peer did not return a certificate": "the peer shows no certificate",
    "read timeout expired": "the peer stopped answering during the DTLS handshake",
    _BAD_SIGNATURE: "the peer could not prove that its certificate is its own",
    "ee key too small": "the key of the peer's certificate is too small",
}

#: Objections whose cause may be the kind of key of our certificate: a cipher suite names one
#: (RFC 5246 section 7.4.2), and so does a signature algorithm.
_ABOUT_OUR_KEY = frozenset({"no shared cipher", "no suitable signature algorithm"})

#: Likely meanings of the peer's alerts, by their names (RFC 5246 section 7.2.2).
_ALERTS = {
    "handshake_failure": "it shares no cipher suite or curve with us, or misses a certificate",
    "protocol_version": "it does not speak DTLS 1.2",
    "insufficient_security": "it wants stronger cipher suites than ours",
    "bad_certificate": "it does not accept our certificate",
    "unsupported_certificate": "it does not accept our certificate's kind of key",
    "certificate_revoked": "it takes our certificate for revoked",
    "certificate_expired": "it takes our certificate for expired; are both clocks right?",
    "certificate_unknown": "it does not accept our certificate",
    "certificate_required": "it has not got our certificate",
    "unknown_ca": "it wants a certificate of an authority, as if this were not WebRTC",
    "decrypt_error": "it could not check a signature or the Finished message",
    "unexpected_message": "it did not expect what we sent; have both sides the same role?",
}


def downgraded() -> DtlsError:
    """Word that the peer has begun DTLS, and its answer has no keys (RFC 8643 section 4)."""
    return DtlsError(
        "the peer has begun a DTLS handshake, and its answer has no keys: somebody may have taken "
        "them out"
    )


class UnprovenError(DtlsError):
    """A signature over both randoms is wrong: the flight may be meant for another ClientHello."""


def translated(error: SSL.Error, *, key: str = "") -> DtlsError:
    """Translate an error of OpenSSL, which stays the exception's cause.

    Args:
        error: The error of OpenSSL.
        key: The kind of key of our certificate, such as `ECDSA`, where it may be the cause.
    """
    details = error.args[0] if error.args else ()
    reasons = [entry[2] for entry in details] if isinstance(details, list) else []
    for reason in reasons:
        if reason in _OBJECTIONS:
            kind = UnprovenError if reason == _BAD_SIGNATURE else DtlsError
            objection = _OBJECTIONS[reason]
            return kind(objection + _for_key(key) if reason in _ABOUT_OUR_KEY else objection)
        # OpenSSL writes `sslv3 alert handshake failure`, newer ones `ssl/tls alert ...`.
        _, is_alert, alert = reason.partition(" alert ")
        if is_alert:
            return _alerted(alert.replace(" ", "_"))
    return DtlsError(f"DTLS failed: {', '.join(reasons) or error}")


def alerted(description: int) -> DtlsError:
    """Word an alert in clear; `description` is its number in RFC 5246 section 7.2."""
    return _alerted(ALERTS.get(description, f"alert {description}"))


def both_clients() -> DtlsError:
    """Word that we are client and got a ClientHello."""
    return DtlsError(
        "the peer sent a ClientHello as we did: both sides call (setup:active on both sides)"
    )


def silent(role: DtlsRole, timeout: Seconds) -> DtlsError:
    """Word that not one message of the handshake came within `timeout` seconds."""
    if role is DtlsRole.SERVER:
        return DtlsError(
            f"no ClientHello within {timeout:g} s: the peer is waiting to be called "
            "(setup:passive on both sides), or its DTLS packets do not reach us"
        )
    return DtlsError(
        f"no answer to our ClientHello within {timeout:g} s: the peer does not speak DTLS on "
        "this path, or its packets do not reach us"
    )


def absent(timeout: Seconds) -> DtlsError:
    """Word that neither a check nor a DTLS record of the peer came within `timeout` seconds."""
    return DtlsError(
        f"neither an ICE check nor a DTLS record of the peer came within {timeout:g} s: our answer "
        "may not have reached it"
    )


def unfinished(role: DtlsRole, timeout: Seconds, *, datagrams: int) -> DtlsError:
    """Word that the handshake began, but was not complete in time.

    Args:
        role: Ours.
        timeout: Seconds that the handshake had.
        datagrams: Number of the peer's datagrams that fitted into the handshake.
    """
    count = "1 datagram" if datagrams == 1 else f"{datagrams} datagrams"
    return DtlsError(
        f"the DTLS handshake was not complete after {timeout:g} s: as {role.value} we got "
        f"{count} of the peer's, and then nothing that led on; the path loses packets, or "
        "the peer gave up"
    )


def kept() -> str:
    """Word that the peer agreed to a new association (RFC 8842 section 3.2), and began none."""
    return "the peer kept its association"


def no_fresh_path(timeout: Seconds) -> str:
    """Word that the ICE restart of a new association found no path (RFC 8842 section 6)."""
    return f"its ICE restart found no path within {timeout:g} s"


def unused(timeout: Seconds) -> str:
    """Word that a client did not use the new keys, so that it may not have got to them."""
    return f"the peer did not use the new keys within {timeout:g} s"


def superseded() -> str:
    """Word that a later description asks for another association before this was complete."""
    return "a newer association has taken its place"


def given_up() -> str:
    """Word that the peer sent close_notify on the new association."""
    return "the peer closed the new association"


def closed_early() -> DtlsError:
    """Word that the peer sent close_notify before we had verified it."""
    return DtlsError(
        "the peer closed the DTLS association before we knew who it is: it has closed the "
        "connection, or something about us does not suit it"
    )


def mismatch(expected: Sequence[Fingerprint], shown: Fingerprint) -> DtlsError:
    """Word that the certificate is not the signalled one (RFC 5763 section 5)."""
    error = DtlsError(
        "the peer's certificate does not match the fingerprint it signalled: expected "
        f"{' or '.join(map(str, expected))}, shown {shown}"
    )
    error.errorDetail = "fingerprint-failure"
    return error


def no_accepted_hash(fingerprints: Sequence[Fingerprint]) -> DtlsError:
    """Word that no fingerprint is by a hash that we accept (RFC 8122 section 5)."""
    names = ", ".join(sorted({f.algorithm for f in fingerprints})) or "none at all"
    return DtlsError(f"the peer announced no fingerprint by a hash we accept: {names}")


def no_srtp(profiles: Sequence[SrtpProfile]) -> DtlsError:
    """Word that media was agreed on, but no SRTP profile (RFC 5764 section 4.1.2)."""
    return DtlsError(
        "there is no SRTP profile in common with the peer, so that media cannot be protected; "
        f"ours: {', '.join(profile.name for profile in profiles)}"
    )


def _for_key(key: str) -> str:
    match key:
        case "":
            return ""
        case "ECDSA":
            return " for the ECDSA key of our certificate"
        case _:
            return (
                f" for the {key} key of our certificate; it may take ECDSA only: leave out "
                "PeerConfiguration(certificates=...), or give one with an ECDSA key"
            )


def _alerted(alert: str) -> DtlsError:
    meaning = _ALERTS.get(alert)
    return DtlsError(
        f"the peer refused the DTLS connection with {alert}"
        + ("" if meaning is None else f": {meaning}")
    )
