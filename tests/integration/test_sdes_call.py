"""A call whose SRTP keys are those of signalling (RFC 4568), on the wire and in all that tells."""

from __future__ import annotations

import asyncio
import base64
import logging
import re
from typing import TYPE_CHECKING

import pytest
from aiortc.mediastreams import AudioStreamTrack

from handfast.trace import TracedEnd, draw
from handfast.trace.rows import Mood, Note
from peer import (
    CryptoSuite,
    InsecureSignalingError,
    InvalidStateError,
    MediaEncryption,
    PeerConfiguration,
    PeerConnection,
    Sdes,
    SdesKeysEvent,
    SdpType,
    SessionDescription,
)
from peer.runtime.transport_statistics import CertificateStats, TransportStats
from peer.tracing.events import Datagram, DatagramKind, HandshakeCompleted, SdesKeysUsed
from tests.support.captures.captured_call import Call, call
from tests.support.negotiation.connections import (
    both_connected,
    direct,
    exchange,
    expected,
    local,
    loopback,
    within,
)
from tests.support.tracing.traces import Sink

if TYPE_CHECKING:
    from pathlib import Path

#: Silence as PCMU has it (G.711): no packet of SRTP has such a run.
_SILENCE = b"\xff" * 80
#: Frames of sound after which media counts as flowing.
_FRAMES = 10


def configured(**options: object) -> PeerConfiguration:
    return loopback(sdes=Sdes(signaling_is_protected=True), **options)


def add_silence(end: PeerConnection) -> None:
    """Let an end send silence in PCMU."""
    end.addTrack(AudioStreamTrack())
    for transceiver in end.getTransceivers():
        transceiver.setCodecPreferences(["audio/PCMU"])


async def media_flows(*receiving: PeerConnection) -> None:
    """Wait until each end has had sound of the other."""
    for end in receiving:
        (transceiver,) = end.getTransceivers()
        for _ in range(_FRAMES):
            await within(transceiver.receiver.track.recv())


async def keyed_call(at: Call) -> None:
    add_silence(at.offerer)
    await at.offer()
    add_silence(at.answerer)
    await at.offerer.setRemoteDescription(await at.make_answer())
    await both_connected(at.offerer, at.answerer)


def key_texts(*ends: PeerConnection) -> set[str]:
    """The keys of the descriptions in force, as they stand there."""
    texts = [each.sdp for end in ends for each in (end.localDescription,) if each is not None]
    return {key for text in texts for key in re.findall(r"inline:([A-Za-z0-9+/=]+)", text)}


async def test_call_with_keys_of_signalling_is_encrypted_and_tells_so_everywhere_but_its_keys(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    traces = Sink(), Sink()
    key_log = tmp_path / "keys.log"
    left, right = (configured(trace=trace, key_log=key_log) for trace in traces)
    with caplog.at_level(logging.DEBUG):
        async with call(left, right) as at:
            told = [expected(end, "sdeskeys") for end in (at.offerer, at.answerer)]
            await keyed_call(at)
            await media_flows(at.offerer, at.answerer)
            for event in told:
                assert await within(event) == SdesKeysEvent(mids=("0",))
            for end in (at.offerer, at.answerer):
                security = end.security
                (transport,) = security.transports
                assert transport.encryption is MediaEncryption.SDES_SRTP
                assert transport.crypto_suite is CryptoSuite.AEAD_AES_256_GCM
                assert security.encrypted
                assert not security.verified
                assert "keys of SIGNALLING (SDES), AEAD_AES_256_GCM" in str(security)
                assert not end.getTransceivers()[0].receiver.verified
                report = (await end.getStats()).values()
                (stats,) = [each for each in report if isinstance(each, TransportStats)]
                assert stats.dtlsState == "new"
                assert stats.srtpCipher == "AEAD_AES_256_GCM"
                assert stats.dtlsCipher is stats.tlsVersion is None
                assert not [each for each in report if isinstance(each, CertificateStats)]
            assert not any(_SILENCE in each.data or each.is_dtls for each in at.wire.of())
            keys = key_texts(at.offerer, at.answerer)
            shown = f"{at.offerer!r} {at.offerer.localDescription!r} {at.offerer.security}"
    for trace in traces:
        assert [each.suite for each in trace.all(SdesKeysUsed)] == ["AEAD_AES_256_GCM"]
        assert not trace.all(HandshakeCompleted)
        kinds = {event.kind for event in trace.all(Datagram)}
        assert DatagramKind.SRTP in kinds
        assert not kinds & {DatagramKind.RTP, DatagramKind.DTLS}
        shown += repr(trace.events) + "".join(str(vars_of(each)) for each in trace.events)
    assert "media is encrypted with keys of signalling (SDES)" in caplog.text
    assert len(keys) == len(CryptoSuite) + 1
    logged = key_log.read_text() if key_log.exists() else ""
    for key in keys:
        assert key not in caplog.text + shown + logged
        assert base64.b64decode(key).hex() not in caplog.text + shown + logged
    ladder = draw(
        *(TracedEnd(name, trace.events) for name, trace in zip("ab", traces, strict=True))
    )
    assert ladder.mood is Mood.GOOD
    assert "with keys of signalling (SDES)" in ladder.verdict
    notes = [row.label for row in ladder.rows if isinstance(row, Note)]
    assert notes.count("keys of signalling (SDES): AEAD_AES_256_GCM") == 2


async def is_reported(end: PeerConnection) -> None:
    """Wait for a report of the other end about what this one sends."""
    while True:
        types = {each.type for each in (await end.getStats()).values()}
        if "remote-inbound-rtp" in types:
            return
        await asyncio.sleep(0.05)


def vars_of(event: object) -> dict[str, object]:
    return {name: getattr(event, name) for name in getattr(event, "__dataclass_fields__", ())}


async def test_hold_and_ice_restart_keep_the_keys_of_signalling() -> None:
    async with call(configured(), configured()) as at:
        await keyed_call(at)
        await media_flows(at.offerer, at.answerer)
        suite = at.offerer.security.transports[0].crypto_suite
        direct(at.offerer, "inactive")
        await exchange(at.offerer, at.answerer)
        direct(at.offerer, "sendrecv")
        await exchange(at.offerer, at.answerer)
        await media_flows(at.offerer, at.answerer)
        at.answerer.restartIce()
        await exchange(at.answerer, at.offerer)
        await media_flows(at.offerer, at.answerer)
        assert at.offerer.security.transports[0].crypto_suite is suite
        assert not any(_SILENCE in each.data for each in at.wire.of())


async def test_new_keys_of_a_reoffer_are_followed_without_a_gap_that_lasts() -> None:
    """As a trunk changes its keys: another suite, so that both ends have new ones."""
    async with call(configured(), configured()) as at:
        await keyed_call(at)
        await media_flows(at.offerer, at.answerer)
        await at.offerer.setLocalDescription()
        reoffer = local(at.offerer)
        text = re.sub(r"a=crypto:1 [^\r]*\r\n", "", reoffer.sdp)
        await at.answerer.setRemoteDescription(SessionDescription(text, SdpType.OFFER))
        await at.answerer.setLocalDescription()
        await at.offerer.setRemoteDescription(local(at.answerer))
        for end in (at.offerer, at.answerer):
            (transport,) = end.security.transports
            assert transport.crypto_suite is CryptoSuite.AEAD_AES_128_GCM
        await media_flows(at.offerer, at.answerer)


async def test_call_without_ice_has_sound_and_rtcp_under_keys_of_signalling() -> None:
    """As with a trunk: no ICE, and RTCP on a port of its own."""

    def as_trunk(sdp: str) -> str:
        return re.sub(r"a=(ice-\w+|candidate|end-of-candidates|rtcp-mux)\b[^\r]*\r\n", "", sdp)

    options = {"ice": "optional", "rtcp_mux": "negotiate", "interfaces": ("127.0.0.1",)}
    async with call(configured(**options), configured(**options)) as at:
        add_silence(at.offerer)
        await at.offer(as_trunk)
        add_silence(at.answerer)
        await at.offerer.setRemoteDescription(await at.make_answer(as_trunk))
        await both_connected(at.offerer, at.answerer)
        await media_flows(at.offerer, at.answerer)
        for end in (at.offerer, at.answerer):
            (transport,) = end.security.transports
            assert transport.encryption is MediaEncryption.SDES_SRTP
            assert not transport.uses_ice
            await within(is_reported(end))
        assert not any(_SILENCE in each.data for each in at.wire.of())


async def test_rekey_of_keys_of_signalling_and_a_fork_are_refused() -> None:
    async with call(configured(), configured()) as at:
        add_silence(at.offerer)
        await at.offer()
        add_silence(at.answerer)
        answer = await at.make_answer()
        with pytest.raises(InvalidStateError, match="one answer"):
            await at.offerer.fork(answer)
        with pytest.raises(InvalidStateError, match="data channels need DTLS"):
            at.offerer.createDataChannel("chat")
        await at.offerer.setRemoteDescription(answer)
        await both_connected(at.offerer, at.answerer)
        with pytest.raises(InvalidStateError, match="no DTLS association"):
            await at.offerer.rekey()


async def test_description_with_keys_is_refused_until_signalling_is_said_to_be_protected() -> None:
    async with PeerConnection(loopback(sdes=Sdes())) as pc:
        pc.addTrack(AudioStreamTrack())
        with pytest.raises(InsecureSignalingError, match="not protected"):
            await pc.setLocalDescription()
        assert pc.signalingState == "stable"
        pc.note_signaling(protected=True)
        await pc.setLocalDescription()
        assert "a=crypto:1 " in local(pc).sdp
