"""Names that programs touch though aiortc keeps them for itself, as far as they mean something."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiortc.rtcrtpreceiver import RemoteStreamTrack
from aiortc.sdp import SessionDescription

import peer.compat as aiortc
from tests.support.clock.deadline import DEADLINE
from tests.support.compat.pairs import connect, connection

if TYPE_CHECKING:
    from av.frame import Frame


async def test_compat_received_track_is_a_remote_stream_track_with_a_queue_to_empty() -> None:
    caller, callee = connection(), connection()
    caller.addTrack(aiortc.AudioStreamTrack())
    await connect(caller, callee)

    track = callee.getReceivers()[0].track

    assert isinstance(track, RemoteStreamTrack)
    async with asyncio.timeout(DEADLINE):
        await track.recv()
    while not track._queue.empty():
        track._queue.get_nowait()
        track._queue.task_done()
    async with asyncio.timeout(DEADLINE):
        await track.recv()
    await asyncio.gather(caller.close(), callee.close())


class CountedTrack(aiortc.AudioStreamTrack):
    """Silence, of which every tenth frame sets `tenth`."""

    def __init__(self) -> None:
        super().__init__()
        self.tenth = asyncio.Event()
        self._given = 0

    async def recv(self) -> Frame:
        frame = await super().recv()
        self._given += 1
        if self._given % 10 == 0:
            self.tenth.set()
        return frame


async def test_compat_receiver_that_is_not_enabled_takes_no_packet_until_it_is() -> None:
    caller, callee = connection(), connection()
    sent = CountedTrack()
    caller.addTrack(sent)
    await connect(caller, callee)
    receiver = callee.getReceivers()[0]
    async with asyncio.timeout(DEADLINE):
        await receiver.track.recv()

    receiver._enabled = False
    before = await packets_received(receiver)
    async with asyncio.timeout(DEADLINE):
        for _ in range(2):
            sent.tenth.clear()
            await sent.tenth.wait()
    assert await packets_received(receiver) == before

    track = receiver.track
    assert isinstance(track, RemoteStreamTrack)
    while not track._queue.empty():
        track._queue.get_nowait()
    receiver._enabled = True
    async with asyncio.timeout(DEADLINE):
        await track.recv()
    assert await packets_received(receiver) > before
    await asyncio.gather(caller.close(), callee.close())


async def packets_received(receiver: aiortc.RTCRtpReceiver) -> int:
    entries = (await receiver.getStats()).values()
    return sum(e.packetsReceived for e in entries if e.type == "inbound-rtp")


async def test_compat_stop_of_a_decoder_ends_the_track() -> None:
    caller, callee = connection(), connection()
    caller.addTrack(aiortc.AudioStreamTrack())
    await connect(caller, callee)
    receiver = callee.getReceivers()[0]

    receiver._RTCRtpReceiver__stop_decoder()  # type: ignore[attr-defined]  # aiortc's own name

    assert receiver.track.readyState == "ended"
    await asyncio.gather(caller.close(), callee.close())


async def test_compat_transceiver_and_transport_show_what_was_agreed() -> None:
    caller, callee = connection(), connection()
    caller.addTrack(aiortc.VideoStreamTrack())
    await connect(caller, callee)

    transceiver = callee.getTransceivers()[0]
    pair = transceiver.receiver.transport.transport._connection._nominated[1]

    assert [codec.name for codec in transceiver._codecs][:2] == ["VP8", "rtx"]
    assert transceiver._codecs[1].parameters == {"apt": transceiver._codecs[0].payloadType}
    assert "urn:ietf:params:rtp-hdrext:sdes:mid" in {e.uri for e in transceiver._headerExtensions}
    assert pair.remote_addr[1] in {
        candidate.port
        for candidate in caller.getTransceivers()[
            0
        ].sender.transport.transport.iceGatherer.getLocalCandidates()
    }
    await asyncio.gather(caller.close(), callee.close())


async def test_compat_takes_a_reoffer_rewritten_to_keep_what_was_agreed_before() -> None:
    caller, callee = connection(), connection()
    caller.addTrack(aiortc.AudioStreamTrack())
    caller.createDataChannel("chat")
    await connect(caller, callee)
    callee.addTrack(aiortc.VideoStreamTrack())
    [transceiver, added] = callee.getTransceivers()
    codecs, extensions = list(transceiver._codecs), list(transceiver._headerExtensions)

    # aiortc numbers both anew in each offer, so that programs put them back: in text and object.
    offer = await callee.createOffer()
    text = SessionDescription.parse(offer.sdp)
    section = next(each for each in text.media if each.rtp.muxId == transceiver.mid)
    section.rtp.codecs, section.rtp.headerExtensions = codecs, extensions
    section.fmt = [codec.payloadType for codec in codecs]
    transceiver._codecs, transceiver._headerExtensions = codecs, extensions
    await callee.setLocalDescription(aiortc.RTCSessionDescription(str(text), "offer"))
    await caller.setRemoteDescription(callee.localDescription)
    await caller.setLocalDescription(await caller.createAnswer())
    await callee.setRemoteDescription(caller.localDescription)

    assert added.currentDirection == "sendonly"
    async with asyncio.timeout(DEADLINE):
        await caller.getReceivers()[1].track.recv()
    await asyncio.gather(caller.close(), callee.close())


async def test_compat_refuses_codecs_that_were_not_agreed_on_as_those_of_a_transceiver() -> None:
    caller, callee = connection(), connection()
    caller.addTrack(aiortc.VideoStreamTrack())
    await connect(caller, callee)
    [transceiver] = caller.getTransceivers()
    before = transceiver._codecs

    with pytest.raises(ValueError, match="setCodecPreferences"):
        transceiver._codecs = before[:1]
    with pytest.raises(ValueError, match="header extensions"):
        transceiver._headerExtensions = []

    assert transceiver._codecs == before
    await asyncio.gather(caller.close(), callee.close())
