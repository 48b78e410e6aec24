"""RFC 5763 section 6.10 and 8.8 on the wire: what protects media, and the keys behind it."""

from __future__ import annotations

import itertools

import pytest
from OpenSSL import SSL

from peer import AnswerRole, DtlsError, SrtpProfile
from peer.rtp.outbound.stats import OutboundRtpStats
from tests.support.captures.captured_call import Call, call
from tests.support.captures.dtls_reader import CLIENT_HELLO, SERVER_HELLO, flow, hellos
from tests.support.captures.wire import Captured, Side, pass_on
from tests.support.negotiation.connection_media import ToneTrack, hears
from tests.support.negotiation.connections import expected, loopback, reached, within
from tests.support.peers.tls_peer import TlsPeer, legacy_context

#: RFC 5764 section 4.1.2 and RFC 7714 section 14.2, and by how much each lengthens a packet.
NUMBERS = {
    SrtpProfile.AES128_CM_HMAC_SHA1_80: (0x0001, 10),
    SrtpProfile.AEAD_AES_128_GCM: (0x0007, 16),
    SrtpProfile.AEAD_AES_256_GCM: (0x0008, 16),
}
#: ECDHE with ECDSA or RSA, and AES-GCM or ChaCha20-Poly1305 (RFC 5289, RFC 7905).
FORWARD_SECRET = {0xC02B, 0xC02C, 0xC02F, 0xC030, 0xCCA8, 0xCCA9}
#: RFC 5746 section 3.3: it stands among the suites, and is none.
SIGNALLING_SUITE = 0x00FF
DTLS_1_2 = 0xFEFD


async def talk(at: Call) -> None:
    coming = expected(at.answerer, "track")
    at.offerer.addTrack(ToneTrack(600))
    await at.connect()
    await hears((await within(coming)).track, 600)


@pytest.mark.conformance("6.10-srtp")
@pytest.mark.parametrize("order", list(itertools.permutations(SrtpProfile)))
async def test_the_order_of_preference_is_offered_and_followed(
    order: tuple[SrtpProfile, ...],
) -> None:
    async with call(loopback(srtp_profiles=order, bundlePolicy="max-bundle")) as at:
        await talk(at)

        # The answerer calls with its own order, and the offerer, as server, follows its own.
        (client,) = hellos(at.wire.of(), CLIENT_HELLO)
        assert client.srtp_profiles == tuple(NUMBERS[profile][0] for profile in SrtpProfile)
        (server,) = hellos(at.wire.of(), SERVER_HELLO)
        assert server.srtp_profiles == (NUMBERS[order[0]][0],)
        for pc in (at.offerer, at.answerer):
            assert [each.srtp_profile for each in pc.security.transports] == [order[0]]


@pytest.mark.conformance("6.10-srtp")
@pytest.mark.parametrize("order", [tuple(SrtpProfile)[:2], tuple(SrtpProfile)[:0:-1]])
async def test_the_client_hello_lists_the_profiles_in_order(
    order: tuple[SrtpProfile, ...],
) -> None:
    async with call(right=loopback(srtp_profiles=order)) as at:
        await talk(at)

        (client,) = hellos(at.wire.of(), CLIENT_HELLO)
        assert client.srtp_profiles == tuple(NUMBERS[profile][0] for profile in order)


@pytest.mark.conformance("6.10-srtp")
@pytest.mark.parametrize("profile", list(SrtpProfile))
async def test_packets_are_as_long_as_the_profile_makes_them(profile: SrtpProfile) -> None:
    async with call(right=loopback(srtp_profiles=(profile,))) as at:
        sender = at.offerer.addTrack(ToneTrack(600))
        await at.connect()
        await at.wire.until(lambda: sum(map(is_rtp, at.wire.of(Side.OFFERER))) >= 20)

        report = (await sender.getStats()).values()
        (sent,) = [each for each in report if isinstance(each, OutboundRtpStats)]
        packets = [each.data for each in at.wire.of(Side.OFFERER) if is_rtp(each)]
        tag = NUMBERS[profile][1]
        # A header of 12 octets and, where there are extensions, their own length.
        payload = sum(len(packet) - header_size(packet) - tag for packet in packets[:20])
        assert sent.packetsSent >= 20
        assert payload / 20 == pytest.approx(sent.bytesSent / sent.packetsSent, rel=0.2)


@pytest.mark.conformance("6.10-srtp")
async def test_without_a_common_profile_media_is_refused() -> None:
    first, _, last = SrtpProfile
    left = loopback(srtp_profiles=(first,), bundlePolicy="max-bundle")
    async with call(left, loopback(srtp_profiles=(last,))) as at:
        at.offerer.addTrack(ToneTrack(600))
        await at.exchange()
        await reached(
            at.offerer, "connectionstatechange", lambda: at.offerer.connectionState == "failed"
        )

        assert "no SRTP profile in common" in str(at.offerer.error)
        assert not [each for each in at.wire.of() if each.is_srtp]


@pytest.mark.conformance("8.8-pfs")
@pytest.mark.parametrize("answer_role", list(AnswerRole))
async def test_only_forward_secret_suites_are_offered_and_chosen(answer_role: AnswerRole) -> None:
    async with call(right=loopback(answer_role=answer_role)) as at:
        at.offerer.createDataChannel("x")
        await at.connect()

        (client,) = hellos(at.wire.of(), CLIENT_HELLO)
        (server,) = hellos(at.wire.of(), SERVER_HELLO)
        assert set(client.cipher_suites) - {SIGNALLING_SUITE} <= FORWARD_SECRET
        assert set(server.cipher_suites) <= FORWARD_SECRET
        assert client.version == server.version == DTLS_1_2
        # RFC 5246 section 7.4.3: an ephemeral key is what this message carries.
        assert "ServerKeyExchange" in [message for _, message in flow(at.wire.of())]


@pytest.mark.conformance("8.8-pfs")
@pytest.mark.parametrize("answer_role", list(AnswerRole))
async def test_a_peer_that_has_no_forward_secrecy_is_refused(answer_role: AnswerRole) -> None:
    """The answerer's DTLS is replaced by one that knows RSA key exchange only."""
    legacy = TlsPeer(
        legacy_context(b"AES128-GCM-SHA256:AES256-GCM-SHA384"),
        client=answer_role is AnswerRole.ACTIVE,
    )
    async with call(right=loopback(answer_role=answer_role)) as at:
        at.offerer.createDataChannel("x")
        in_place_of_the_answerer(at, legacy)
        await at.exchange()
        await reached(
            at.offerer, "connectionstatechange", lambda: at.offerer.connectionState == "failed"
        )

        assert isinstance(at.offerer.error, DtlsError)
        assert not legacy.complete


@pytest.mark.conformance("8.8-pfs")
async def test_a_peer_that_stops_at_dtls_1_0_is_refused() -> None:
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_cipher_list(b"ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
    context.set_min_proto_version(0xFEFF)
    context.set_max_proto_version(0xFEFF)
    legacy = TlsPeer(context, client=True)
    async with call() as at:
        at.offerer.createDataChannel("x")
        in_place_of_the_answerer(at, legacy)
        await at.exchange()
        await reached(
            at.offerer, "connectionstatechange", lambda: at.offerer.connectionState == "failed"
        )

        assert "does not speak DTLS 1.2" in str(at.offerer.error)
        assert not legacy.complete


def in_place_of_the_answerer(at: Call, legacy: TlsPeer) -> None:
    """Let another DTLS stack speak over the answerer's path."""

    def fate(each: Captured) -> tuple[bytes, ...]:
        if not each.is_dtls:
            return tuple(pass_on(each))
        if each.sender is Side.OFFERER:
            legacy.ssl.bio_write(each.data)
        # What the answerer says is the sign that the path is up.
        reply = legacy.take()
        if reply:
            at.wire.paths[each.path].inject(Side.OFFERER, reply)
        return ()

    at.wire.fate = fate


def is_rtp(each: Captured) -> bool:
    return each.is_srtp and not 192 <= each.data[1] <= 223


def header_size(packet: bytes) -> int:
    extended = packet[0] & 0x10
    return 16 + 4 * int.from_bytes(packet[14:16]) if extended else 12
