"""Makes the trace events of one transport: its datagrams, its path, its handshakes."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from aioice import stun

from peer.states import IceTransportState
from peer.tracing.events import (
    AssociationDecided,
    AssociationRetired,
    CandidateRefused,
    Datagram,
    DatagramDropped,
    DatagramKind,
    Direction,
    FingerprintChecked,
    HandshakeCompleted,
    KeysSwitched,
    MediaUnencrypted,
    PathSelected,
    SdesKeysUsed,
    StateChanged,
    Verdict,
)
from peer.transport.wire.demux import DatagramClass, classify
from peer.transport.wire.dtls_messages import is_payload, message_names
from peer.transport.wire.stun import parse_stun, stun_detail

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer.ice import CandidateFields
    from peer.identity.fingerprints import Fingerprint
    from peer.srtp_keys import CryptoSuite
    from peer.states import DtlsRole, DtlsTransportState
    from peer.tracing.tracer import Tracer

Address = tuple[str, int]

_KINDS = {
    DatagramClass.DTLS: DatagramKind.DTLS,
    DatagramClass.RTP: DatagramKind.SRTP,
    DatagramClass.RTCP: DatagramKind.SRTCP,
}
_UNENCRYPTED_KINDS = {
    DatagramClass.DTLS: DatagramKind.DTLS,
    DatagramClass.RTP: DatagramKind.RTP,
    DatagramClass.RTCP: DatagramKind.RTCP,
}
_STUN_KINDS = {
    stun.Class.REQUEST: DatagramKind.STUN_REQUEST,
    stun.Class.RESPONSE: DatagramKind.STUN_RESPONSE,
    stun.Class.ERROR: DatagramKind.STUN_ERROR,
}


class Drop(Enum):
    """Reason for which a datagram was dropped, with the section that asks for it."""

    UNVALIDATED_SOURCE = ("no check has shown its source to be the peer", "RFC 5763 section 6.7.1")
    MALFORMED = ("it looks like STUN and cannot be read", "RFC 8489 section 6.3")
    UNEXPECTED = ("no association takes it", "RFC 7983 section 7")
    OUT_OF_PLACE = ("no peer says that before there are keys", "RFC 6347 section 4.1.2.7")
    UNAUTHENTIC = ("the keys do not fit, or it is a replay", "RFC 3711 section 3.3")


class Tap:
    """Makes the trace events of one transport.

    Args:
        key: Names the transport.
        tracer: Takes the events.
    """

    def __init__(self, key: str, tracer: Tracer) -> None:
        self._key = key
        self._tracer = tracer
        self._kinds = _KINDS
        # Kinds that were traced under the present keys, payload being traced once only.
        self._payloads: set[tuple[Direction, DatagramKind]] = set()
        self._drops: set[tuple[DatagramKind, Drop]] = set()
        self._path: tuple[str, str] | None = None

    def __repr__(self) -> str:
        return f"<Tap {self._key}>"

    def move(self, other: Tap) -> None:
        """Give the events from now on to the tracer of another connection, as of another tap.

        What the former one was told once, and would not be told again, the other one has to hear.
        """
        self._tracer = other._tracer
        self._payloads.clear()
        self._drops.clear()
        self._path = None

    @property
    def wants_datagrams(self) -> bool:
        """True where a trace sink or a DEBUG log takes datagrams."""
        return self._tracer.wants_datagrams

    def arrived(
        self, data: bytes, *, local: Address, remote: Address, source_validated: bool
    ) -> None:
        """Trace a datagram that came to a socket.

        Args:
            data: The datagram.
            local: Address of the socket.
            remote: Source of the datagram.
            source_validated: Whether an ICE check has shown the source to be the peer.
        """
        if classify(data) is DatagramClass.STUN:
            self._stun(Direction.IN, parse_stun(data), data, local, remote)
        elif source_validated:
            self._datagram(Direction.IN, data, local, remote)
        else:
            self.dropped(Drop.UNVALIDATED_SOURCE, data, remote)

    def sent(self, data: bytes, *, local: Address, remote: Address) -> None:
        """Trace a datagram that was sent and is not STUN."""
        self._datagram(Direction.OUT, data, local, remote)

    def sent_stun(self, message: stun.Message, *, local: Address, remote: Address) -> None:
        """Trace a STUN message that was sent."""
        self._stun(Direction.OUT, message, bytes(message), local, remote)

    def dropped(self, drop: Drop, data: bytes, remote: Address | None = None) -> None:
        """Trace a datagram that was dropped, once for each kind and reason.

        Args:
            drop: Why.
            data: The datagram.
            remote: Its source, where it is known.
        """
        kind = self._kinds.get(classify(data), DatagramKind.UNKNOWN)
        if (kind, drop) in self._drops:
            return
        self._drops.add((kind, drop))
        reason, section = drop.value
        self._tracer(
            DatagramDropped(
                time=self._tracer.now(),
                transport=self._key,
                kind=kind,
                reason=reason,
                size=len(data),
                remote="" if remote is None else _text(*remote),
                section=section,
            )
        )

    def candidate_refused(self, candidate: CandidateFields, reason: str) -> None:
        """Trace a candidate of the peer that is not checked."""
        if self._tracer.active:
            self._tracer(
                CandidateRefused(
                    time=self._tracer.now(),
                    transport=self._key,
                    candidate=str(candidate),
                    reason=reason,
                )
            )

    def path(self, pair: tuple[CandidateFields, CandidateFields] | None, reason: str = "") -> None:
        """Trace the candidate pair that carries data, if it is another one than before.

        Args:
            pair: Local and remote candidate.
            reason: Why it took the place of another pair.
        """
        if pair is None:
            return
        local, remote = (_text(candidate.address, candidate.port) for candidate in pair)
        if (local, remote) == self._path:
            return
        self._path = (local, remote)
        if self._tracer.active:
            self._tracer(
                PathSelected(
                    time=self._tracer.now(),
                    transport=self._key,
                    local=local,
                    remote=remote,
                    reason=reason,
                )
            )

    def handshake_completed(
        self,
        *,
        role: DtlsRole,
        version: str,
        cipher: str | None,
        srtp_profile: str | None,
        association: int = 0,
    ) -> None:
        """Trace a completed DTLS handshake.

        Args:
            role: Ours.
            version: For example `DTLSv1.2`.
            cipher: The cipher suite by OpenSSL's name.
            srtp_profile: None where the peer has no SRTP.
            association: Number of the DTLS association.
        """
        self._payloads.clear()
        self._kinds = _KINDS
        if not self._tracer.active:
            return
        self._tracer(
            HandshakeCompleted(
                time=self._tracer.now(),
                transport=self._key,
                role=role,
                version=version,
                cipher=cipher,
                srtp_profile=srtp_profile,
                association=association,
            )
        )

    def media_unencrypted(self) -> None:
        """Trace that media is plain RTP from now on, which is a warning."""
        self._payloads.clear()
        self._kinds = _UNENCRYPTED_KINDS
        self._tracer(
            MediaUnencrypted(
                time=self._tracer.now(),
                transport=self._key,
                reason="the peer's description shows no keys, and best effort was asked for",
            )
        )

    def sdes_keys(self, suite: CryptoSuite) -> None:
        """Trace that media is SRTP with keys of signalling from now on, without these keys.

        Args:
            suite: The crypto suite.
        """
        self._payloads.clear()
        self._kinds = _KINDS
        if self._tracer.active:
            self._tracer(
                SdesKeysUsed(time=self._tracer.now(), transport=self._key, suite=suite.value)
            )

    def fingerprint_checked(
        self,
        expected: Iterable[Fingerprint],
        shown: Fingerprint,
        *,
        matches: bool,
        association: int = 0,
    ) -> None:
        """Trace the verdict on the peer's certificate.

        Args:
            expected: The fingerprints that the peer signalled.
            shown: The fingerprint of the certificate in the handshake.
            matches: Whether any one of the expected is the shown one.
            association: Number of the DTLS association.
        """
        # `active` asks for INFO, and a mismatch is a warning.
        if matches and not self._tracer.active:
            return
        self._tracer(
            FingerprintChecked(
                time=self._tracer.now(),
                transport=self._key,
                expected=tuple(map(str, expected)),
                shown=str(shown),
                matches=matches,
                association=association,
            )
        )

    def keys_switched(self, direction: Direction, association: int) -> None:
        """Trace that one direction uses the keys of an association that is not the first."""
        self._payloads.clear()
        if not self._tracer.active:
            return
        self._tracer(
            KeysSwitched(
                time=self._tracer.now(),
                transport=self._key,
                direction=direction,
                association=association,
            )
        )

    def association_restarted(self) -> None:
        """Trace that the peer has begun DTLS anew, and has shown that it hears us."""
        if self._tracer.active:
            self._tracer(
                AssociationDecided(
                    time=self._tracer.now(),
                    transport=self._key,
                    verdict=Verdict.UNDECIDED,
                    reason="the peer begins DTLS anew, without a description: its certificate "
                    "will show",
                    section="RFC 6347 section 4.2.8",
                )
            )

    def association_retired(self, association: int, reason: str) -> None:
        """Trace that the keys of an association were wiped, and why it is not in use."""
        if not self._tracer.active:
            return
        self._tracer(
            AssociationRetired(
                time=self._tracer.now(),
                transport=self._key,
                association=association,
                reason=reason,
            )
        )

    def state(self, state: IceTransportState | DtlsTransportState) -> None:
        """Trace a change of the ICE or DTLS state."""
        if not self._tracer.active:
            return
        machine = "iceState" if isinstance(state, IceTransportState) else "dtlsState"
        self._tracer(
            StateChanged(time=self._tracer.now(), transport=self._key, machine=machine, state=state)
        )

    def _stun(
        self,
        direction: Direction,
        message: stun.Message | None,
        data: bytes,
        local: Address,
        remote: Address,
    ) -> None:
        if message is None:
            self.dropped(Drop.MALFORMED, data, remote)
        elif message.message_class in _STUN_KINDS:
            kind = _STUN_KINDS[message.message_class]
            self._tell(direction, kind, stun_detail(message), data, local, remote)

    def _datagram(self, direction: Direction, data: bytes, local: Address, remote: Address) -> None:
        kind = self._kinds.get(classify(data), DatagramKind.UNKNOWN)
        # Handshakes are traced to the last retransmission, payload under their keys once.
        repeated = False
        if kind is not DatagramKind.DTLS or is_payload(data):
            repeated = (direction, kind) in self._payloads
            self._payloads.add((direction, kind))
        if repeated and not self._tracer.wants_data:
            return
        detail = ", ".join(message_names(data)) if kind is DatagramKind.DTLS else ""
        self._tell(direction, kind, detail, data, local, remote, repeated=repeated)

    def _tell(
        self,
        direction: Direction,
        kind: DatagramKind,
        detail: str,
        data: bytes,
        local: Address,
        remote: Address,
        *,
        repeated: bool = False,
    ) -> None:
        self._tracer(
            Datagram(
                time=self._tracer.now(),
                transport=self._key,
                direction=direction,
                kind=kind,
                size=len(data),
                detail=detail,
                local=_text(*local),
                remote=_text(*remote),
                data=data if self._tracer.wants_data else b"",
                repeated=repeated,
            )
        )


def _text(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
