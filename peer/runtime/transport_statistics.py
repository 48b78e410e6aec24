"""Statistics of a transport, its certificates, candidates and pairs (W3C webrtc-stats)."""

from __future__ import annotations

import base64
import hashlib
from types import MappingProxyType
from typing import TYPE_CHECKING

from peer.iana_names import cipher_suite, srtp_profile
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.statistics_entry import StatsEntry
from peer.transport.ice.snapshot import place_of
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from peer.ice import CandidateFields
    from peer.rtp.moment import Moment
    from peer.runtime.peer_transport import PeerTransport
    from peer.states import IceRole
    from peer.transport.ice.snapshot import IceSnapshot, PairSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportStats(StatsEntry):
    """Statistics of one ICE and DTLS transport (RTCTransportStats); sizes in bytes.

    Counts go on through ICE restarts and new keys. Where media is not encrypted, `dtlsState` stays
    `new`, and neither cipher nor certificate is there.

    Args:
        iceRole: `controlling`, `controlled`, or `unknown` before a description decides.
        iceLocalUsernameFragment: Ours in the generation that is in use.
        tlsVersion: The bytes on the wire in hexadecimal, such as `FEFD` for DTLS 1.2.
        dtlsCipher: IANA's name of the cipher suite.
        srtpCipher: IANA's name of the protection profile, or of the crypto suite of SDES keys.
        selectedCandidatePairChanges: Times that another pair was selected, the first included.
        uses_ice: False for a path to a peer without ICE (RFC 5763 section 6.7.2); ours.
    """

    packetsSent: int
    packetsReceived: int
    bytesSent: int
    bytesReceived: int
    iceRole: str
    iceLocalUsernameFragment: str | None
    iceState: str
    dtlsState: str
    dtlsRole: str
    tlsVersion: str | None
    dtlsCipher: str | None
    srtpCipher: str | None
    selectedCandidatePairId: str | None
    selectedCandidatePairChanges: int
    uses_ice: bool
    localCertificateId: str | None
    remoteCertificateId: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateStats(StatsEntry):
    """Statistics of a candidate (RTCIceCandidateStats), there while its generation is open.

    Args:
        url: Of our candidates, the server that gave it.
        relayProtocol: Of our relayed candidates, how that server is reached.
        usernameFragment: Of the peer's candidates, None before its description.
    """

    transportId: str
    address: str
    port: int
    protocol: str
    candidateType: str
    priority: int
    url: str | None
    relayProtocol: str | None
    foundation: str
    relatedAddress: str | None
    relatedPort: int | None
    usernameFragment: str | None
    tcpType: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidatePairStats(StatsEntry):
    """Statistics of a candidate pair (RTCIceCandidatePairStats), there while ICE keeps the pair.

    Members from `packetsSent` to `lastPacketReceivedTimestamp` are of the times in which the pair
    was selected, and count what is no STUN. The two counts of round trips are in seconds, of
    connectivity and consent checks; a peer without ICE has none.

    Args:
        state: `frozen`, `waiting`, `in-progress`, `failed` or `succeeded`.
        requestsSent: Connectivity checks sent, without retransmissions and consent checks.
        responsesReceived: Responses to checks of both kinds.
        availableOutgoingBitrate: Target of congestion control in bits/s; of the selected pair.
        packetsDiscardedOnSend: Datagrams that no socket took.
    """

    transportId: str
    localCandidateId: str
    remoteCandidateId: str
    state: str
    nominated: bool
    packetsSent: int
    packetsReceived: int
    bytesSent: int
    bytesReceived: int
    packetsDiscardedOnSend: int
    lastPacketReceivedTimestamp: float | None
    totalRoundTripTime: float
    currentRoundTripTime: float | None
    availableOutgoingBitrate: float | None
    requestsReceived: int
    requestsSent: int
    responsesReceived: int
    responsesSent: int
    consentRequestsSent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateStats(StatsEntry):
    """Statistics of a certificate (RTCCertificateStats).

    Args:
        fingerprint: Upper-case hexadecimal, with colons.
        base64Certificate: The certificate in DER, in base64.
        issuerCertificateId: The certificate that signed it, where the chain was shown.
    """

    fingerprint: str
    fingerprintAlgorithm: str
    base64Certificate: str
    issuerCertificateId: str | None


#: OpenSSL's names, and the bytes on the wire that webrtc-stats section 8.13 wants in hexadecimal.
_TLS_VERSIONS = MappingProxyType({"DTLSv1.2": "FEFD", "DTLSv1.3": "FEFC"})

#: Entries of one transport.
TransportEntry = TransportStats | CertificateStats | CandidateStats | CandidatePairStats


def transport_stats(
    transport: PeerTransport, moment: Moment, *, ice_role: IceRole | None
) -> Iterator[TransportEntry]:
    """Make the entries of a transport: itself, certificates, candidates and pairs.

    Args:
        transport: The transport.
        moment: When.
        ice_role: Our ICE role; None before a description decides.
    """
    name, now = f"transport-{transport.key}", moment.milliseconds(moment.now)
    secure, ice = transport.secure.stats(), transport.ice
    uses_dtls = transport.secure.uses_dtls
    generations = [_Generation(name, each, moment) for each in ice.snapshots()]
    local, remote = (
        tuple(_certificates(chain, now))
        for chain in (secure.local_chain if uses_dtls else (), secure.remote_chain)
    )
    yield TransportStats(
        id=name,
        type="transport",
        timestamp=now,
        packetsSent=secure.packets_sent,
        packetsReceived=secure.packets_received,
        bytesSent=secure.bytes_sent,
        bytesReceived=secure.bytes_received,
        iceRole="unknown" if ice_role is None else ice_role.value,
        iceLocalUsernameFragment=ice.local.username_fragment if ice.latching is None else None,
        iceState=ice.state.value,
        # Without DTLS there never is a handshake, though media flows.
        dtlsState=secure.state.value if uses_dtls else "new",
        dtlsRole="unknown" if secure.role is None else secure.role.value,
        tlsVersion=_TLS_VERSIONS.get(secure.version or ""),
        dtlsCipher=None if secure.cipher is None else cipher_suite(secure.cipher),
        srtpCipher=srtp_profile(secure.srtp_profile or "") or secure.crypto_suite,
        selectedCandidatePairId=generations[0].selected_pair_id,
        selectedCandidatePairChanges=ice.counters.pair_changes,
        uses_ice=ice.latching is None,
        localCertificateId=local[0].id if local else None,
        remoteCertificateId=remote[0].id if remote else None,
    )
    yield from (*local, *remote)
    engine = transport.made_engine
    bitrate = None if engine is None else engine.available_bitrate
    for index, each in enumerate(generations):
        yield from each.candidates()
        yield from each.pairs(None if index else bitrate)


def _certificates(chain: Sequence[bytes], now: float) -> Iterator[CertificateStats]:
    names = [f"certificate-{hashlib.sha256(der).hexdigest()}" for der in chain]
    for index, der in enumerate(chain):
        fingerprint = Fingerprint.of_certificate(der, HashFunction.SHA256)
        yield CertificateStats(
            id=names[index],
            type="certificate",
            timestamp=now,
            fingerprint=fingerprint.value,
            fingerprintAlgorithm=fingerprint.algorithm,
            base64Certificate=base64.b64encode(der).decode(),
            issuerCertificateId=next(iter(names[index + 1 : index + 2]), None),
        )


class _Generation:
    """Makes the entries of one ICE generation.

    Args:
        transport: Id of the transport.
        snapshot: Candidates and pairs.
        moment: When.
    """

    def __init__(self, transport: str, snapshot: IceSnapshot, moment: Moment) -> None:
        self._transport = transport
        self._snapshot = snapshot
        self._moment = moment
        self._now = moment.milliseconds(moment.now)

    @property
    def selected_pair_id(self) -> str | None:
        """Id of the pair that carries data; None where there is none."""
        return next((self._pair_id(p) for p in self._snapshot.pairs if p.is_selected), None)

    def candidates(self) -> Iterator[CandidateStats]:
        """Make the entries of all candidates."""
        found = self._snapshot
        for each in found.local:
            yield self._candidate(each, side="local", fragment=found.local_fragment)
        for each in found.remote:
            yield self._candidate(each, side="remote", fragment=found.remote_fragment)

    def pairs(self, bitrate: int | None) -> Iterator[CandidatePairStats]:
        """Make the entries of all pairs.

        Args:
            bitrate: Target of congestion control in bits/s.
        """
        for each in self._snapshot.pairs:
            yield self._pair(each, bitrate if each.is_selected else None)

    def _name(self, kind: str, *places: CandidateFields) -> str:
        # The address of a candidate stays where a peer-reflexive one is signalled later on.
        what = self._snapshot.local_fragment, kind, *map(place_of, places)
        digest = hashlib.blake2s(repr(what).encode(), digest_size=8).hexdigest()
        return f"{self._transport}-{kind}-{digest}"

    def _pair_id(self, pair: PairSnapshot) -> str:
        return self._name("pair", pair.local, pair.remote)

    def _candidate(
        self, candidate: CandidateFields, *, side: str, fragment: str | None
    ) -> CandidateStats:
        return CandidateStats(
            id=self._name(f"{side}-candidate", candidate),
            type=f"{side}-candidate",
            timestamp=self._now,
            transportId=self._transport,
            address=candidate.address,
            port=candidate.port,
            protocol=candidate.transport,
            candidateType=candidate.type,
            priority=candidate.priority,
            url=candidate.server_url,
            relayProtocol=candidate.relay_protocol,
            foundation=candidate.foundation,
            relatedAddress=candidate.related_address,
            relatedPort=candidate.related_port,
            usernameFragment=fragment or None,
            tcpType=candidate.tcp_type,
        )

    def _pair(self, pair: PairSnapshot, bitrate: int | None) -> CandidatePairStats:
        counts, last = pair.counts, pair.last_received
        traffic = counts.traffic
        return CandidatePairStats(
            id=self._pair_id(pair),
            type="candidate-pair",
            timestamp=self._now,
            transportId=self._transport,
            localCandidateId=self._name("local-candidate", pair.local),
            remoteCandidateId=self._name("remote-candidate", pair.remote),
            state=pair.state.value,
            nominated=pair.nominated,
            packetsSent=traffic.packets_sent,
            packetsReceived=traffic.packets_received,
            bytesSent=traffic.bytes_sent,
            bytesReceived=traffic.bytes_received,
            packetsDiscardedOnSend=traffic.packets_unsent,
            lastPacketReceivedTimestamp=None if last is None else self._moment.milliseconds(last),
            totalRoundTripTime=counts.round_trip_total,
            currentRoundTripTime=counts.round_trip,
            availableOutgoingBitrate=bitrate,
            requestsReceived=counts.requests_received,
            requestsSent=counts.requests_sent,
            responsesReceived=counts.responses_received,
            responsesSent=counts.responses_sent,
            consentRequestsSent=counts.consent_requests_sent,
        )
