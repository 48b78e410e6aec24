"""RFC 5763 section 6.11 on the wire: RTP in clear in the one case that was asked for alone."""

from __future__ import annotations

import itertools
import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from aiortc.mediastreams import AudioStreamTrack

from handfast.trace import TracedEnd, draw
from handfast.trace.rows import Arrow, Mood, Note, Topic
from peer import (
    BestEffort,
    Certificate,
    DescriptionError,
    DowngradeError,
    DtlsError,
    InvalidStateError,
    MediaEncryption,
    PeerConfiguration,
    PeerConnection,
    UnencryptedEvent,
)
from peer.runtime.transport_statistics import CertificateStats, TransportStats
from peer.tracing.events import Datagram, DatagramKind, MediaUnencrypted
from peer.trust import Continuity, KnownPeer, KnownPeers, Trust
from tests.support.captures.captured_call import Call, call
from tests.support.captures.wire import Side
from tests.support.negotiation.connections import (
    both_connected,
    exchange,
    expected,
    local,
    loopback,
    reached,
    within,
)
from tests.support.tracing.traces import Sink

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.captures.wire import Captured

pytestmark = pytest.mark.conformance("6.11-best-effort")

_PLAIN = BestEffort.PLAIN_RTP
#: Silence as PCMU has it (G.711): no packet of SRTP has such a run.
_SILENCE = b"\xff" * 80
#: Frames of sound after which media counts as flowing.
_FRAMES = 10


def configured(best_effort: BestEffort, **options: object) -> PeerConfiguration:
    return loopback(best_effort=best_effort, bundlePolicy="max-bundle", **options)


def stripped(sdp: str) -> str:
    """The description as a peer without keys writes it, or as who takes them out leaves it."""
    sdp = re.sub(r"a=(fingerprint|setup|tls-id)\b[^\r]*\r\n", "", sdp)
    return re.sub(r"(m=(?:audio|video) \d+) \S+", r"\1 RTP/AVPF", sdp)


def changed(*, strip: bool) -> Callable[[str], str]:
    return stripped if strip else str


def add_silence(end: PeerConnection) -> None:
    """Let an end send silence in PCMU."""
    end.addTrack(AudioStreamTrack())
    for transceiver in end.getTransceivers():
        transceiver.setCodecPreferences(["audio/PCMU"])


def in_clear(at: Call, sender: Side | None = None) -> list[Captured]:
    """The datagrams of a side that anybody on the path can listen to, or learn a name from."""
    described = (end.localDescription for end in (at.offerer, at.answerer))
    names = [name for each in described if each for name in re.findall(r"cname:(\S+)", each.sdp)]
    secrets = (_SILENCE, *(name.encode() for name in names))
    return [each for each in at.wire.of(sender) if any(secret in each.data for secret in secrets)]


async def media_flows(*receiving: PeerConnection) -> None:
    """Wait until each end has had sound of the other."""
    for end in receiving:
        (transceiver,) = end.getTransceivers()
        for _ in range(_FRAMES):
            await within(transceiver.receiver.track.recv())


async def has_failed(end: PeerConnection) -> None:
    await reached(end, "connectionstatechange", lambda: end.connectionState == "failed")


async def is_verified(end: PeerConnection) -> None:
    await reached(end, "connectionstatechange", lambda: end.security.verified)


async def plain_call(at: Call) -> None:
    """Agree on plain RTP, as with a phone that knows of nothing else."""
    add_silence(at.offerer)
    await at.offer(stripped)
    add_silence(at.answerer)
    await at.offerer.setRemoteDescription(await at.make_answer())
    await both_connected(at.offerer, at.answerer)


@pytest.mark.parametrize(
    ("strip_offer", "strip_answer", "left", "right"),
    list(itertools.product([False, True], [False, True], BestEffort, BestEffort)),
)
async def test_media_is_in_clear_only_where_no_description_has_keys_and_both_ends_ask_for_it(
    *, strip_offer: bool, strip_answer: bool, left: BestEffort, right: BestEffort
) -> None:
    async with call(configured(left), configured(right)) as at:
        add_silence(at.offerer)
        await at.offer(changed(strip=strip_offer))
        add_silence(at.answerer)
        answer = await at.make_answer(changed(strip=strip_answer))
        match strip_offer, strip_answer, left, right:
            case False, False, _, _:
                await at.offerer.setRemoteDescription(answer)
                await both_connected(at.offerer, at.answerer)
                await media_flows(at.offerer, at.answerer)
                assert at.offerer.security.encrypted
                assert at.answerer.security.verified
            case True, _, BestEffort.PLAIN_RTP, BestEffort.PLAIN_RTP:
                await at.offerer.setRemoteDescription(answer)
                await both_connected(at.offerer, at.answerer)
                await media_flows(at.offerer, at.answerer)
                assert in_clear(at)
                return
            case True, _, _, BestEffort.OFF:
                # Nothing was agreed, which the answer says.
                await at.offerer.setRemoteDescription(answer)
                assert "m=audio 0 " in answer.sdp
            case False, True, BestEffort.PLAIN_RTP, _:
                # Somebody takes the keys out of the answer of a peer that has some.
                told = expected(at.offerer, "unencrypted")
                await at.offerer.setRemoteDescription(answer)
                await has_failed(at.offerer)
                with pytest.raises(DtlsError, match="somebody may have taken them out"):
                    await at.offerer.connected()
                # Told at once, unless the handshake came first.
                assert told.done() or at.offerer.security.encrypted
                assert not in_clear(at, Side.ANSWERER)
                return
            case _:
                with pytest.raises(DescriptionError, match="no a=fingerprint"):
                    await at.offerer.setRemoteDescription(answer)
                # An answerer that took plain RTP may send some by now: it does not know better.
                assert not in_clear(at, Side.OFFERER)
                assert strip_offer or not in_clear(at)
                return
        assert not in_clear(at)


async def test_plain_media_is_told_in_state_stats_event_trace_and_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    traces = Sink(), Sink()
    left, right = (configured(_PLAIN, trace=trace) for trace in traces)
    with caplog.at_level(logging.WARNING):
        async with call(left, right) as at:
            told = [expected(end, "unencrypted") for end in (at.offerer, at.answerer)]
            await plain_call(at)
            await media_flows(at.offerer, at.answerer)
            for event in told:
                assert await within(event) == UnencryptedEvent(mids=("0",))
            for end in (at.offerer, at.answerer):
                security = end.security
                assert [t.encryption for t in security.transports] == [MediaEncryption.NONE]
                assert not security.encrypted
                assert not security.verified
                assert "NOT ENCRYPTED" in str(security)
                assert not end.getTransceivers()[0].receiver.verified
                report = (await end.getStats()).values()
                (transport,) = [each for each in report if isinstance(each, TransportStats)]
                assert transport.dtlsState == "new"
                assert transport.srtpCipher is transport.dtlsCipher is transport.tlsVersion is None
                assert not [each for each in report if isinstance(each, CertificateStats)]
                assert transport.packetsReceived > 0
    for trace in traces:
        assert len(trace.all(MediaUnencrypted)) == 1
        kinds = {event.kind for event in trace.all(Datagram)}
        assert DatagramKind.RTP in kinds
        assert not kinds & {DatagramKind.SRTP, DatagramKind.SRTCP}
    assert caplog.text.count("media is NOT ENCRYPTED") == 2


async def test_ladder_of_a_plain_call_says_so_in_red() -> None:
    traces = Sink(), Sink()
    left, right = (configured(_PLAIN, trace=trace) for trace in traces)
    async with call(left, right) as at:
        await plain_call(at)
        await media_flows(at.offerer, at.answerer)
    one, other = (TracedEnd(name, trace.events) for name, trace in zip("ab", traces, strict=True))
    ladder = draw(one, other)
    assert ladder.mood is Mood.BAD
    assert "; media is NOT ENCRYPTED" in ladder.verdict
    notes = [row for row in ladder.rows if isinstance(row, Note) and "ENCRYPTED" in row.label]
    assert [(note.label, note.mood) for note in notes] == [("media is NOT ENCRYPTED", Mood.BAD)] * 2
    media = [row for row in ladder.rows if isinstance(row, Arrow) and row.topic is Topic.MEDIA]
    assert "RTP starts, NOT ENCRYPTED" in {arrow.label for arrow in media}
    assert {arrow.mood for arrow in media} == {Mood.BAD}


async def test_plain_call_has_no_keys_to_change() -> None:
    async with call(configured(_PLAIN), configured(_PLAIN)) as at:
        await plain_call(at)
        with pytest.raises(InvalidStateError, match="no keys to change"):
            await at.offerer.rekey()


async def test_plain_call_becomes_encrypted_by_the_next_exchange_with_keys() -> None:
    async with call(configured(_PLAIN), configured(_PLAIN)) as at:
        await plain_call(at)
        await media_flows(at.offerer, at.answerer)

        await exchange(at.offerer, at.answerer)
        for end in (at.offerer, at.answerer):
            await is_verified(end)
        at.wire.log.clear()
        await media_flows(at.offerer, at.answerer)
        assert at.offerer.security.encrypted
        assert at.answerer.getTransceivers()[0].receiver.verified
        assert not in_clear(at)


async def test_reoffer_whose_keys_are_taken_out_is_refused_and_media_stays_encrypted() -> None:
    async with call(configured(_PLAIN), configured(_PLAIN)) as at:
        add_silence(at.offerer)
        await at.offer()
        add_silence(at.answerer)
        await at.offerer.setRemoteDescription(await at.make_answer())
        await both_connected(at.offerer, at.answerer)

        await at.offerer.setLocalDescription()
        reoffer = local(at.offerer)
        with pytest.raises(DowngradeError, match="was encrypted before"):
            await at.answerer.setRemoteDescription(replace(reoffer, sdp=stripped(reoffer.sdp)))
        assert at.answerer.signalingState == "stable"
        await media_flows(at.offerer, at.answerer)
        await at.answerer.setRemoteDescription(reoffer)
        await at.answerer.setLocalDescription()
        answer = local(at.answerer)
        with pytest.raises(DowngradeError, match="was encrypted before"):
            await at.offerer.setRemoteDescription(replace(answer, sdp=stripped(answer.sdp)))
        await media_flows(at.offerer, at.answerer)
        assert at.offerer.security.encrypted
        assert at.answerer.security.encrypted
        assert not in_clear(at)


async def test_handshake_that_fails_is_never_followed_by_plain_media() -> None:
    """A certificate that does not match, where both ends would have taken plain RTP."""
    other = Certificate.generate().fingerprint()

    def forge(sdp: str) -> str:
        return re.sub(r"a=fingerprint:\S+ \S+", f"a=fingerprint:{other}", sdp)

    async with call(configured(_PLAIN), configured(_PLAIN)) as at:
        add_silence(at.offerer)
        await at.offer()
        add_silence(at.answerer)
        await at.offerer.setRemoteDescription(await at.make_answer(forge))
        await has_failed(at.offerer)
        await at.wire.until(lambda: bool(in_dtls(at)))
        assert not in_clear(at)


def in_dtls(at: Call) -> list[Captured]:
    return [each for each in at.wire.of() if each.is_dtls]


async def test_peer_that_is_known_by_a_certificate_is_refused_without_keys(tmp_path: Path) -> None:
    """In an offer and in an answer; one that nobody knows is taken."""
    store = KnownPeers(tmp_path / "known.db")
    shown = KnownPeer(fingerprint=Certificate.generate().fingerprint())
    assert await store.remember("bob", shown, former=None)
    trust = Trust(known_peers=store, continuity=Continuity.REMEMBER)
    for name, refused in (("bob", True), ("eve", False)):
        knowing = configured(_PLAIN, trust=trust, peer_name=name)
        async with call(knowing, configured(_PLAIN)) as at:
            add_silence(at.offerer)
            await at.offer(stripped)
            add_silence(at.answerer)
            answer = await at.make_answer()
            if refused:
                with pytest.raises(DowngradeError, match="'bob' is known by"):
                    await at.offerer.setRemoteDescription(answer)
                assert at.offerer.signalingState == "have-local-offer"
                assert not in_clear(at, Side.OFFERER)
            else:
                await at.offerer.setRemoteDescription(answer)
                await both_connected(at.offerer, at.answerer)
        async with call(configured(_PLAIN), knowing) as at:
            add_silence(at.offerer)
            if refused:
                with pytest.raises(DowngradeError, match="'bob' is known by"):
                    await at.offer(stripped)
                assert at.answerer.signalingState == "stable"
            else:
                await at.offer(stripped)
