"""What getStats says of a running call (W3C webrtc-stats)."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, TypeVar

from peer import PeerConnection
from peer.rtp.inbound.stats import InboundRtpStats
from peer.rtp.outbound.stats import OutboundRtpStats
from peer.runtime.transport_statistics import (
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
    until,
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


async def test_statistics_have_every_candidate_and_every_pair() -> None:
    async with connected_pair() as (left, right, _channel):
        report = (await left.getStats()).values()
        pairs = [each for each in report if isinstance(each, CandidatePairStats)]
        candidates = [each for each in report if isinstance(each, CandidateStats)]
        described = re.findall(r"a=candidate:\S+ 1 (\S+) \d+ (\S+) (\d+)", local(left).sdp)

        assert [
            (c.protocol, c.address, str(c.port)) for c in candidates if c.type == "local-candidate"
        ] == described
        ids = {each.id for each in candidates}
        assert {each.localCandidateId for each in pairs} <= ids
        assert {each.remoteCandidateId for each in pairs} <= ids
        fragments = {each.usernameFragment for each in candidates}
        assert fragments == {
            re.findall(r"a=ice-ufrag:(\S+)", local(pc).sdp)[0] for pc in (left, right)
        }


async def test_selected_pair_counts_checks_round_trips_and_datagrams() -> None:
    async with connected_pair() as (left, _, _channel):
        report = await left.getStats()
        transport = the(report, TransportStats)
        selected = report[transport.selectedCandidatePairId or ""]
        assert isinstance(selected, CandidatePairStats)

        assert selected.state == "succeeded"
        assert selected.requestsSent > 0
        assert (
            0 < selected.responsesReceived <= (selected.requestsSent + selected.consentRequestsSent)
        )
        assert selected.requestsReceived == selected.responsesSent > 0
        assert 0 < (selected.currentRoundTripTime or 0) <= selected.totalRoundTripTime
        assert selected.bytesSent == transport.bytesSent > 0
        assert selected.packetsReceived > 0
        assert transport.selectedCandidatePairChanges >= 1
        assert f"a=ice-ufrag:{transport.iceLocalUsernameFragment}\r\n" in local(left).sdp


async def test_statistics_keep_their_ids_and_count_on_through_an_ice_restart() -> None:
    async with connected_pair() as (left, right, _channel):
        before = await left.getStats()
        again = await left.getStats()
        assert before.keys() == again.keys()

        first = the(before, TransportStats)
        left.restartIce()
        await connect(left, right)
        await until(lambda: left.iceConnectionState in ("connected", "completed"))
        later = the(await left.getStats(), TransportStats)
        assert later.id == first.id
        assert later.bytesSent >= first.bytesSent
        assert later.localCertificateId == first.localCertificateId


async def test_certificate_statistics_hold_the_certificate() -> None:
    async with connected_pair() as (left, _, _channel):
        certificates = [e for e in (await left.getStats()).values() if e.type == "certificate"]
        shown = {e.base64Certificate for e in certificates if isinstance(e, CertificateStats)}
        dtls = None if left.sctp is None else left.sctp.transport
        assert dtls is not None
        (theirs,) = dtls.getRemoteCertificates()
        assert base64.b64encode(theirs).decode() in shown
        assert len(shown) == 2


async def test_ciphers_are_named_as_iana_does() -> None:
    async with connected_pair() as (left, _, _channel):
        transport = the(await left.getStats(), TransportStats)
        assert re.fullmatch(r"TLS_[A-Z0-9_]+_(SHA256|SHA384)", transport.dtlsCipher or "")
        assert transport.srtpCipher == "SRTP_AEAD_AES_256_GCM"


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
        assert (transport.dtlsRole, transport.iceRole) == ("unknown", "controlling")
        assert transport.selectedCandidatePairId is None
        assert transport.remoteCertificateId is None
