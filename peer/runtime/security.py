"""Summarizes the security of each transport of a connection, for `PeerConnection.security`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.states import MediaEncryption
from peer.trust.level import UNKNOWN_PEER
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer.configuration.security_policy import SrtpProfile
    from peer.ice import CandidateFields
    from peer.identity.fingerprints import Fingerprint
    from peer.runtime.effect_executor import EffectExecutor
    from peer.runtime.peer_transport import PeerTransport
    from peer.srtp_keys import CryptoSuite
    from peer.states import DtlsRole, DtlsTransportState
    from peer.trust.level import PeerTrust


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportSecurity:
    """The security of one transport, which serves a BUNDLE group or a single m-section.

    Args:
        key: The mid that the transport was created for.
        encryption: The protection of media; with NONE and SDES_SRTP the next fields say nothing.
        state: `connected` means that the handshake is complete and the peer verified.
        role: Our role in the handshake; None before it is known.
        version: The DTLS version, such as `DTLSv1.2`; None before the handshake is complete, like
            the next two.
        cipher: The cipher suite by OpenSSL's name.
        srtp_profile: The SRTP profile of media; None also where only data was agreed on.
        crypto_suite: The crypto suite of SDES_SRTP (RFC 4568); else None.
        local_fingerprint: SHA-256 of the certificate that we show.
        remote_fingerprint: SHA-256 of the certificate that the peer has shown, or None before that.
        verified: Whether that certificate has a fingerprint that the peer signalled.
        peer: Who the peer is, and what says so beside signalling.
        selected_pair: The local and remote candidate that carry data, or None before ICE has any.
        uses_ice: False where the peer has no ICE: only its handshake shows where it is.
    """

    key: str
    encryption: MediaEncryption
    state: DtlsTransportState
    role: DtlsRole | None
    version: str | None
    cipher: str | None
    srtp_profile: SrtpProfile | None
    local_fingerprint: Fingerprint
    remote_fingerprint: Fingerprint | None
    verified: bool
    selected_pair: tuple[CandidateFields, CandidateFields] | None
    peer: PeerTrust = UNKNOWN_PEER
    uses_ice: bool = True
    crypto_suite: CryptoSuite | None = None

    def __str__(self) -> str:
        if self.encryption is MediaEncryption.NONE:
            return ", ".join((f"transport {self.key}: media is NOT ENCRYPTED", *self._pair()))
        if self.encryption is MediaEncryption.SDES_SRTP:
            keys = f"SRTP with keys of SIGNALLING (SDES), {self.crypto_suite}"
            said = f"transport {self.key}: {self.state.value}, peer NOT verified"
            return ", ".join((said, keys, *self._pair()))
        said = "verified" if self.verified else "NOT verified"
        role = "" if self.role is None else f" as {self.role.value}"
        parts = [f"transport {self.key}: {self.state.value}{role}, peer {said}"]
        if self.peer != UNKNOWN_PEER:
            parts.append(str(self.peer))
        if self.version is not None:
            parts.append(f"{self.version} {self.cipher}")
            parts.append("no SRTP" if self.srtp_profile is None else self.srtp_profile.value)
        if self.remote_fingerprint is not None:
            parts.append(f"the peer's certificate {self.remote_fingerprint}")
        parts.append(f"ours {self.local_fingerprint}")
        return ", ".join((*parts, *self._pair()))

    def _pair(self) -> Iterator[str]:
        if self.selected_pair is not None:
            local, remote = map(_place, self.selected_pair)
            yield f"{local} to {remote}"
        if not self.uses_ice:
            yield "no ICE"


@dataclass(frozen=True, slots=True)
class SecuritySummary:
    """The security of all transports of a connection; `str` gives a line for each."""

    transports: tuple[TransportSecurity, ...]

    @property
    def encrypted(self) -> bool:
        """Tell whether there are transports, and all that flows on each of them is encrypted."""
        none = MediaEncryption.NONE
        return bool(self.transports) and all(t.encryption is not none for t in self.transports)

    @property
    def verified(self) -> bool:
        """Tell whether there are transports, and the peer is verified on each of them."""
        return bool(self.transports) and all(each.verified for each in self.transports)

    def __str__(self) -> str:
        return "\n".join(map(str, self.transports)) or "no transport yet"


def summarize(executor: EffectExecutor) -> SecuritySummary:
    """Summarize the present security of all transports."""
    return SecuritySummary(tuple(map(_transport, executor.transports.values())))


def _transport(transport: PeerTransport) -> TransportSecurity:
    stats = transport.secure.stats()
    return TransportSecurity(
        key=transport.key,
        encryption=stats.encryption,
        state=stats.state,
        role=stats.role,
        version=stats.version,
        cipher=stats.cipher,
        srtp_profile=stats.srtp_profile,
        crypto_suite=stats.crypto_suite,
        local_fingerprint=stats.local_fingerprint,
        remote_fingerprint=stats.remote_fingerprint,
        verified=transport.secure.verified,
        selected_pair=transport.ice.selected_pair,
        peer=transport.peer,
        uses_ice=transport.ice.latching is None,
    )


def _place(candidate: CandidateFields) -> str:
    address = f"[{candidate.address}]" if ":" in candidate.address else candidate.address
    return f"{address}:{candidate.port} ({candidate.type})"
