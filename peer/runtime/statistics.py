"""Collects the statistics of a connection under the names of W3C webrtc-stats."""

from __future__ import annotations

import time
from dataclasses import fields
from types import MappingProxyType
from typing import TYPE_CHECKING

from peer.errors import InvalidAccessError
from peer.rtp.codec_stats import CodecStats
from peer.rtp.stats import RtpStats, RtpStatsReport, RtpStreamStats
from peer.runtime.channel_statistics import (
    DataChannelStats,
    PeerConnectionStats,
    connection_stats,
)
from peer.states import DtlsTransportState
from peer.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer.ice import CandidateFields
    from peer.identity.fingerprints import Fingerprint
    from peer.rtp.tracks import MediaStreamTrack
    from peer.runtime.effect_executor import EffectExecutor
    from peer.runtime.peer_transport import PeerTransport


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportStats:
    """Statistics of one ICE and DTLS transport (webrtc-stats section 8.13); sizes in bytes.

    Where media is not encrypted, `dtlsState` stays `new`, and neither cipher nor certificate is
    there. `uses_ice`, which is ours, is False for a path to a peer without ICE (RFC 5763 section
    6.7.2).
    """

    id: str
    type: str
    timestamp: float
    packetsSent: int
    packetsReceived: int
    bytesSent: int
    bytesReceived: int
    iceRole: str
    iceState: str
    dtlsState: str
    dtlsRole: str
    tlsVersion: str | None
    dtlsCipher: str | None
    srtpCipher: str | None
    selectedCandidatePairId: str | None
    uses_ice: bool
    localCertificateId: str | None
    remoteCertificateId: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateStats:
    """Statistics of a candidate of the selected pair (webrtc-stats section 8.15)."""

    id: str
    type: str
    timestamp: float
    transportId: str
    address: str
    port: int
    protocol: str
    candidateType: str
    priority: int
    foundation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidatePairStats:
    """Statistics of the selected pair (webrtc-stats 8.16); `currentRoundTripTime` in seconds."""

    id: str
    type: str
    timestamp: float
    transportId: str
    localCandidateId: str
    remoteCandidateId: str
    state: str
    nominated: bool
    currentRoundTripTime: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateStats:
    """Statistics of a certificate: its fingerprint (webrtc-stats section 8.17)."""

    id: str
    type: str
    timestamp: float
    fingerprint: str
    fingerprintAlgorithm: str


#: OpenSSL's names, and the bytes on the wire that webrtc-stats section 8.13 wants in hexadecimal.
_TLS_VERSIONS = MappingProxyType({"DTLSv1.2": "FEFD", "DTLSv1.3": "FEFC"})

Stats = (
    RtpStats
    | TransportStats
    | CandidateStats
    | CandidatePairStats
    | CertificateStats
    | PeerConnectionStats
    | DataChannelStats
)
StatsReport = dict[str, Stats]


async def collect(executor: EffectExecutor) -> StatsReport:
    """Collect the present statistics of all parts of a connection, by id."""
    report: StatsReport = {
        entry.id: entry for entry in connection_stats(executor.data, time.time() * 1000)
    }
    names: dict[object, str] = {
        each.engine: f"transport-{each.key}" for each in executor.transports.values()
    }
    for control in tuple(executor.transceivers.values()):
        name = names.get(control.receiver.engine or control.sender.engine)
        for half in (control.transceiver.sender, control.transceiver.receiver):
            report.update(_carried(await half.getStats(), name))
    for transport in executor.transports.values():
        report.update((entry.id, entry) for entry in _transport(transport))
    return report


async def collect_of_track(executor: EffectExecutor, track: MediaStreamTrack) -> StatsReport:
    """Collect the statistics of the one sender or receiver of a track, and what these refer to.

    Raises:
        InvalidAccessError: No sender or receiver has the track, or several have (webrtc-pc 8.2).
    """
    halves = [
        half
        for control in executor.transceivers.values()
        for half in (control.transceiver.sender, control.transceiver.receiver)
        if half.track is track
    ]
    if len(halves) != 1:
        raise InvalidAccessError(
            f"{len(halves)} senders and receivers have the track: getStats selects by one"
        )
    every = await collect(executor)
    found = {name: every[name] for name in await halves[0].getStats() if name in every}
    # webrtc-stats section 8.1.1, selection: all objects that are referred to, on and on.
    waiting = list(found.values())
    while waiting:
        for name in _references(waiting.pop()):
            if name in every and name not in found:
                found[name] = every[name]
                waiting.append(every[name])
    return found


def _carried(report: RtpStatsReport, name: str | None) -> Iterator[tuple[str, Stats]]:
    """Name the transport of the entries on streams and codecs."""
    for key, entry in report.items():
        match entry:
            case RtpStreamStats() | CodecStats():
                yield key, replace(entry, transportId=name)
            case _:
                yield key, entry


def _references(entry: Stats) -> Iterator[str]:
    for each in fields(entry):
        value = getattr(entry, each.name)
        if each.name.endswith("Id") and isinstance(value, str):
            yield value


def _transport(transport: PeerTransport) -> Iterator[Stats]:
    now = time.time() * 1000
    secure = transport.secure.stats()
    name = f"transport-{transport.key}"
    pair = transport.ice.selected_pair
    remote = secure.remote_fingerprint
    uses_dtls = transport.secure.uses_dtls
    yield TransportStats(
        id=name,
        type="transport",
        timestamp=now,
        packetsSent=secure.packets_sent,
        packetsReceived=secure.packets_received,
        bytesSent=secure.bytes_sent,
        bytesReceived=secure.bytes_received,
        iceRole="unknown" if transport.ice.role is None else transport.ice.role.value,
        iceState=transport.ice.state.value,
        # Without DTLS there never is a handshake, though media flows.
        dtlsState=(secure.state if uses_dtls else DtlsTransportState.NEW).value,
        dtlsRole="unknown" if secure.role is None else secure.role.value,
        tlsVersion=_TLS_VERSIONS.get(secure.version or ""),
        dtlsCipher=secure.cipher,
        srtpCipher=secure.srtp_profile or secure.crypto_suite,
        selectedCandidatePairId=None if pair is None else f"{name}-pair",
        uses_ice=transport.ice.latching is None,
        localCertificateId=f"{name}-local-certificate" if uses_dtls else None,
        remoteCertificateId=None if remote is None else f"{name}-remote-certificate",
    )
    if uses_dtls:
        yield _certificate(f"{name}-local-certificate", now, secure.local_fingerprint)
    if remote is not None:
        yield _certificate(f"{name}-remote-certificate", now, remote)
    if pair is not None:
        local, far = (
            _candidate(candidate, now, transport=name, side=side)
            for side, candidate in zip(("local", "remote"), pair, strict=True)
        )
        yield local
        yield far
        yield CandidatePairStats(
            id=f"{name}-pair",
            type="candidate-pair",
            timestamp=now,
            transportId=name,
            localCandidateId=local.id,
            remoteCandidateId=far.id,
            state="succeeded",
            nominated=True,
            currentRoundTripTime=transport.ice.round_trip_time,
        )


def _certificate(name: str, now: float, fingerprint: Fingerprint) -> CertificateStats:
    return CertificateStats(
        id=name,
        type="certificate",
        timestamp=now,
        fingerprint=fingerprint.value,
        fingerprintAlgorithm=fingerprint.algorithm,
    )


def _candidate(
    candidate: CandidateFields, now: float, *, transport: str, side: str
) -> CandidateStats:
    return CandidateStats(
        id=f"{transport}-{side}-candidate",
        type=f"{side}-candidate",
        timestamp=now,
        transportId=transport,
        address=candidate.address,
        port=candidate.port,
        protocol=candidate.transport,
        candidateType=candidate.type,
        priority=candidate.priority,
        foundation=candidate.foundation,
    )
