"""What getStats says of a running call (W3C webrtc-stats)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from peer import PeerConnection
from peer.rtp.inbound.stats import InboundRtpStats
from peer.rtp.outbound.stats import OutboundRtpStats
from peer.runtime.statistics import (
    CandidatePairStats,
    CandidateStats,
    CertificateStats,
    TransportStats,
)
from tests.support.negotiation.connection_media import RED, ColourTrack, sees
from tests.support.negotiation.connections import (
    connect,
    connected_pair,
    expected,
    local,
    loopback,
    pair,
    within,
)

if TYPE_CHECKING:
    from peer.runtime.statistics import StatsReport

StatsT = TypeVar("StatsT")


def the(report: StatsReport, kind: type[StatsT]) -> StatsT:
    """The one entry of a type."""
    (found,) = (entry for entry in report.values() if isinstance(entry, kind))
    return found


async def test_a_connection_without_transports_has_itself_alone_to_report() -> None:
    async with PeerConnection(loopback()) as pc:
        assert [each.type for each in (await pc.getStats()).values()] == ["peer-connection"]


async def test_a_transport_says_what_it_has_agreed() -> None:
    async with connected_pair() as (left, right, _):
        ours = the(await left.getStats(), TransportStats)
        theirs = the(await right.getStats(), TransportStats)

        assert (ours.iceRole, theirs.iceRole) == ("controlling", "controlled")
        assert (ours.dtlsRole, theirs.dtlsRole) == ("server", "client")
        for each in (ours, theirs):
            assert each.type == "transport"
            assert each.dtlsState == "connected"
            assert each.iceState in ("connected", "completed")
            assert each.tlsVersion
            assert each.dtlsCipher
            assert each.packetsSent > 0
            assert each.packetsReceived > 0
            assert each.bytesSent > each.packetsSent
            assert each.timestamp > 1.7e12
        assert ours.srtpCipher == theirs.srtpCipher is not None


async def test_entries_name_each_other() -> None:
    async with connected_pair() as (left, _, _channel):
        report = await left.getStats()
        transport = the(report, TransportStats)
        pair_of = report[transport.selectedCandidatePairId or ""]
        assert isinstance(pair_of, CandidatePairStats)
        mine, other = report[pair_of.localCandidateId], report[pair_of.remoteCandidateId]

        assert all(name == entry.id for name, entry in report.items())
        assert isinstance(mine, CandidateStats)
        assert isinstance(other, CandidateStats)
        assert (mine.type, other.type) == ("local-candidate", "remote-candidate")
        assert mine.address == other.address == "127.0.0.1"
        assert f" {mine.port} typ host" in local(left).sdp
        assert pair_of.nominated
        assert pair_of.transportId == transport.id


async def test_certificates_are_those_of_the_descriptions() -> None:
    async with connected_pair() as (left, right, _):
        report = await left.getStats()
        transport = the(report, TransportStats)
        for pc, name in (
            (left, transport.localCertificateId),
            (right, transport.remoteCertificateId),
        ):
            certificate = report[name or ""]
            assert isinstance(certificate, CertificateStats)
            announced = re.findall(r"a=fingerprint:(\S+) (\S+)", local(pc).sdp)
            assert announced == [(certificate.fingerprintAlgorithm, certificate.fingerprint)]


async def test_rtp_statistics_count_at_both_ends() -> None:
    async with pair() as (left, right):
        coming = expected(right, "track")
        sender = left.addTrack(ColourTrack(RED))
        await connect(left, right)
        await sees((await within(coming)).track, RED)
        sent = the(await left.getStats(), OutboundRtpStats)
        received = the(await right.getStats(), InboundRtpStats)

        assert sent.ssrc == received.ssrc == sender.ssrc
        assert sent.mid == received.mid == "0"
        assert sent.kind == received.kind == "video"
        assert sent.framesEncoded > 0
        assert received.framesDecoded > 0
        assert 0 < received.packetsReceived <= sent.packetsSent
        assert received.packetsLost == 0


async def test_a_transport_before_its_answer() -> None:
    async with PeerConnection(loopback()) as pc:
        pc.createDataChannel("x")
        await pc.setLocalDescription()
        transport = the(await pc.getStats(), TransportStats)

        assert (transport.iceState, transport.dtlsState) == ("new", "new")
        assert transport.dtlsRole == transport.iceRole == "unknown"
        assert transport.selectedCandidatePairId is None
        assert transport.remoteCertificateId is None
