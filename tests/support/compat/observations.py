"""Looks at what a module with aiortc's names does: aiortc itself, or `peer.compat`."""

from __future__ import annotations

import asyncio
import re
from types import ModuleType
from typing import Any

from aiortc.rtcrtpreceiver import RemoteStreamTrack
from aiortc.sdp import SessionDescription, candidate_from_sdp

from tests.support.clock.deadline import DEADLINE

# Of the two modules mypy knows one by its types, so that here everything is of any.
Connection = Any


def _made(aiortc: ModuleType) -> Connection:
    return aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))


async def _negotiate(caller: Connection, callee: Connection) -> None:
    await caller.setLocalDescription(await caller.createOffer())
    await callee.setRemoteDescription(caller.localDescription)
    await callee.setLocalDescription(await callee.createAnswer())
    await caller.setRemoteDescription(callee.localDescription)


async def _until(pc: Connection, *states: str) -> None:
    reached = asyncio.Event()

    def look() -> None:
        if pc.connectionState in states:
            reached.set()

    pc.on("connectionstatechange", look)
    look()
    async with asyncio.timeout(DEADLINE):
        await reached.wait()


async def _connect(caller: Connection, callee: Connection) -> None:
    await _negotiate(caller, callee)
    await asyncio.gather(_until(caller, "connected"), _until(callee, "connected"))


async def _close(*connections: Connection) -> None:
    for pc in connections:
        await pc.close()


def _raised(error: Exception, *, sentence: bool = True) -> str:
    text = str(error) if sentence else ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


async def gathering(aiortc: ModuleType) -> str:
    """Say how far gathering is when setLocalDescription returns."""
    pc = _made(aiortc)
    pc.createDataChannel("chat")
    await pc.setLocalDescription(await pc.createOffer())
    has_candidates = "a=candidate:" in pc.localDescription.sdp
    found = f"{pc.iceGatheringState}, {'with' if has_candidates else 'without'} candidates"
    await pc.close()
    return found


async def offered_codecs(aiortc: ModuleType) -> str:
    """List the codecs of an offer of audio and video."""
    pc = _made(aiortc)
    pc.addTransceiver("audio")
    pc.addTransceiver("video")
    parsed = SessionDescription.parse((await pc.createOffer()).sdp)
    await pc.close()
    return "; ".join(
        ", ".join(f"{codec.name} {codec.payloadType}" for codec in media.rtp.codecs)
        for media in parsed.media
    )


async def track_event(aiortc: ModuleType) -> str:
    """Say what a `track` handler gets."""
    caller, callee = _made(aiortc), _made(aiortc)
    sent = aiortc.AudioStreamTrack()
    caller.addTrack(sent)
    got: list[Any] = []
    callee.on("track", got.append)
    await _negotiate(caller, callee)
    kind = "a RemoteStreamTrack" if isinstance(got[0], RemoteStreamTrack) else type(got[0]).__name__
    name = "with the id of the peer's" if got[0].id == sent.id else "with an id of its own"
    await _close(caller, callee)
    return f"{kind} {name}"


async def channel_event(aiortc: ModuleType) -> str:
    """Say what a `datachannel` handler gets."""
    caller, callee = _made(aiortc), _made(aiortc)
    caller.createDataChannel("chat")
    got: asyncio.Queue[tuple[Any, str]] = asyncio.Queue()
    callee.on("datachannel", lambda channel: got.put_nowait((channel, channel.readyState)))
    await _negotiate(caller, callee)
    async with asyncio.timeout(DEADLINE):
        channel, state = await got.get()
    await _close(caller, callee)
    kind = "an RTCDataChannel" if isinstance(channel, aiortc.RTCDataChannel) else "something else"
    return f"{kind} that is {state}"


async def connection_states(aiortc: ModuleType) -> str:
    """List the states that a connection tells of."""
    caller, callee = _made(aiortc), _made(aiortc)
    caller.createDataChannel("chat")
    states = [caller.connectionState]
    caller.on("connectionstatechange", lambda: states.append(caller.connectionState))
    await _connect(caller, callee)
    await _close(caller, callee)
    return ", ".join(states)


async def ice_states(aiortc: ModuleType) -> str:
    """List the states of ICE that a connection tells of."""
    caller, callee = _made(aiortc), _made(aiortc)
    caller.createDataChannel("chat")
    states = [callee.iceConnectionState]
    callee.on("iceconnectionstatechange", lambda: states.append(callee.iceConnectionState))
    await _connect(caller, callee)
    await _close(caller, callee)
    return ", ".join(states)


async def end_of_peer(aiortc: ModuleType) -> str:
    """Say what a connection does when its peer closes."""
    caller, callee = _made(aiortc), _made(aiortc)
    caller.createDataChannel("chat")
    await _connect(caller, callee)
    ended = asyncio.create_task(_until(callee, "closed", "failed", "disconnected"))
    await asyncio.sleep(0)
    await caller.close()
    await ended
    found = callee.connectionState
    await callee.close()
    return "closes itself" if found == "closed" else f"is {found}"


async def own_events(aiortc: ModuleType) -> str:
    """Say whether handlers of an event of the program's own are called."""
    caller, callee = _made(aiortc), _made(aiortc)
    channel = caller.createDataChannel("chat")
    caller.addTrack(aiortc.AudioStreamTrack())
    await _connect(caller, callee)
    called: list[Any] = []
    for emitter in (caller, channel, callee.getReceivers()[0].track):
        emitter.once("mine", called.append)
        emitter.emit("mine", emitter)
        emitter.emit("mine", emitter)
        if emitter.listeners("mine"):
            called.clear()
    await _close(caller, callee)
    return "goes to its handlers" if len(called) == 3 else f"goes to {len(called)} of 3 handlers"


async def track_twice(aiortc: ModuleType) -> str:
    """Say what the second addTrack of a track raises."""
    pc = _made(aiortc)
    track = aiortc.AudioStreamTrack()
    pc.addTrack(track)
    try:
        pc.addTrack(track)
    except Exception as error:
        return _raised(error)
    finally:
        await pc.close()
    return "is sent twice"


async def track_when_closed(aiortc: ModuleType) -> str:
    """Say what addTrack raises on a closed connection."""
    pc = _made(aiortc)
    await pc.close()
    try:
        pc.addTrack(aiortc.AudioStreamTrack())
    except Exception as error:
        return _raised(error)
    return "is taken"


async def glare(aiortc: ModuleType) -> str:
    """Say what an offer of the peer raises while ours waits."""
    caller, callee = _made(aiortc), _made(aiortc)
    for pc in (caller, callee):
        pc.addTransceiver("audio")
        await pc.setLocalDescription(await pc.createOffer())
    try:
        await caller.setRemoteDescription(callee.localDescription)
    except Exception as error:
        return _raised(error)
    finally:
        await _close(caller, callee)
    return "is taken"


async def transceiver_before_offer(aiortc: ModuleType) -> str:
    """Say whether an offer of the peer uses a transceiver that addTransceiver made."""
    caller, callee = _made(aiortc), _made(aiortc)
    caller.addTransceiver("audio")
    callee.addTransceiver("audio")
    await caller.setLocalDescription(await caller.createOffer())
    await callee.setRemoteDescription(caller.localDescription)
    found = len(callee.getTransceivers())
    await _close(caller, callee)
    return "the offer's m-section uses it" if found == 1 else "the offer's m-section makes another"


async def early_candidate(aiortc: ModuleType) -> str:
    """Say what a candidate does that comes before the description."""
    pc = _made(aiortc)
    pc.createDataChannel("chat")
    await pc.setLocalDescription(await pc.createOffer())
    candidate = candidate_from_sdp("0 1 udp 2122252543 192.0.2.7 33543 typ host")
    candidate.sdpMLineIndex = 0
    try:
        await pc.addIceCandidate(candidate)
    except Exception as error:
        return _raised(error)
    finally:
        await pc.close()
    return "is taken"


async def statistics(aiortc: ModuleType) -> str:
    """List the types of entries of a connection that sends and receives."""
    caller, callee = _made(aiortc), _made(aiortc)
    caller.addTrack(aiortc.AudioStreamTrack())
    callee.addTrack(aiortc.AudioStreamTrack())
    await _connect(caller, callee)
    async with asyncio.timeout(DEADLINE):
        await caller.getReceivers()[0].track.recv()
    report = await caller.getStats()
    await _close(caller, callee)
    # Reports of the peer come some seconds later.
    return ", ".join(sorted({e.type for e in report.values() if not e.type.startswith("remote")}))


async def channel_closed_early(aiortc: ModuleType) -> str:
    """Say the state of a channel that is closed before there is a connection."""
    pc = _made(aiortc)
    channel = pc.createDataChannel("chat")
    channel.close()
    found = channel.readyState
    await pc.close()
    return f"{found} at once"


async def send_too_early(aiortc: ModuleType) -> str:
    """Say what `send` raises before the channel is open."""
    pc = _made(aiortc)
    channel = pc.createDataChannel("chat")
    try:
        channel.send("hello")
    except Exception as error:
        return _raised(error, sentence=False)
    finally:
        await pc.close()
    return "is kept"


async def renamed_section(aiortc: ModuleType) -> str:
    """Say what becomes of an offer whose m-section the program renames."""
    pc = _made(aiortc)
    pc.addTransceiver("audio")
    text = (await pc.createOffer()).sdp.replace("a=mid:0", "a=mid:first")
    await pc.setLocalDescription(aiortc.RTCSessionDescription(text, "offer"))
    found = pc.getTransceivers()[0].mid
    await pc.close()
    return "has the new name" if found == "first" else f"is {found}"


async def data_always(aiortc: ModuleType) -> str:
    """List the m-sections of an offer with alwaysNegotiateDataChannels."""
    configuration = aiortc.RTCConfiguration(iceServers=[], alwaysNegotiateDataChannels=True)
    pc = aiortc.RTCPeerConnection(configuration)
    pc.addTransceiver("audio")
    parsed = SessionDescription.parse((await pc.createOffer()).sdp)
    await pc.close()
    return ", ".join(media.kind for media in parsed.media)


async def video_added(aiortc: ModuleType) -> str:
    """Say the state of ICE when video is offered in a connection that is there."""
    caller, callee = _made(aiortc), _made(aiortc)
    caller.addTransceiver("audio")
    await _connect(caller, callee)
    caller.addTransceiver("video")
    await caller.setLocalDescription(await caller.createOffer())
    found = caller.iceConnectionState
    await _close(caller, callee)
    if found == "new":
        return "new, as it gathers for a transport that is then thrown away"
    return f"{found}, on the transport that is there"


async def _answered(aiortc: ModuleType, kinds: tuple[str, ...], change: Any) -> str:
    caller, callee = _made(aiortc), _made(aiortc)
    for kind in kinds:
        caller.addTransceiver(kind)
    await caller.setLocalDescription(await caller.createOffer())
    text = change(caller.localDescription.sdp)
    try:
        await callee.setRemoteDescription(aiortc.RTCSessionDescription(text, "offer"))
        await callee.setLocalDescription(await callee.createAnswer())
        return str(callee.localDescription.sdp)
    except Exception as error:
        half = ", and the description is half applied" if callee.getTransceivers() else ""
        return f"{_raised(error, sentence=False)}{half}"
    finally:
        await _close(caller, callee)


async def unknown_codec(aiortc: ModuleType) -> str:
    """Say what becomes of video in an unknown codec beside audio."""
    answer = await _answered(aiortc, ("audio", "video"), lambda t: t.replace("/90000", "/92000"))
    return "rejected by itself" if "m=video 0 " in answer else answer


async def only_vp9(aiortc: ModuleType) -> str:
    """Say what answers an offer of VP9 alone."""

    def change(text: str) -> str:
        text = re.sub(r"a=(rtpmap|rtcp-fb|fmtp):.*\r\n", "", text)
        text = re.sub(r"(m=video \d+ \S+) .*", r"\1 98", text)
        return text.replace("a=rtcp-mux\r\n", "a=rtcp-mux\r\na=rtpmap:98 VP9/90000\r\n")

    answer = await _answered(aiortc, ("video",), change)
    return "answered with VP9" if "a=rtpmap:98 VP9/90000" in answer else _first_words(answer)


async def static_payload_type(aiortc: ModuleType) -> str:
    """Say what answers an offer of payload type 0 without its name."""

    def change(text: str) -> str:
        text = re.sub(r"a=(rtpmap|rtcp-fb|fmtp):.*\r\n", "", text)
        return re.sub(r"(m=audio \d+ \S+) .*", r"\1 0", text)

    answer = await _answered(aiortc, ("audio",), change)
    return "answered with PCMU" if "a=rtpmap:0 PCMU/8000" in answer else _first_words(answer)


def _first_words(text: str) -> str:
    return text.partition(",")[0]


async def rejected_section(aiortc: ModuleType) -> str:
    """Say what an answer does that rejects one of two m-sections as RFC 3264 has it."""
    caller, callee = _made(aiortc), _made(aiortc)
    for kind in ("audio", "video"):
        caller.addTransceiver(kind)
    await caller.setLocalDescription(await caller.createOffer())
    await callee.setRemoteDescription(caller.localDescription)
    await callee.setLocalDescription(await callee.createAnswer())
    head, video = callee.localDescription.sdp.split("m=video ")
    formats = video.partition("\r\n")[0].partition(" ")[2]
    head = re.sub("a=group:BUNDLE .*", "a=group:BUNDLE 0", head)
    text = f"{head}m=video 0 {formats}\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=inactive\r\n"
    try:
        await caller.setRemoteDescription(aiortc.RTCSessionDescription(text, "answer"))
    except Exception as error:
        return _raised(error)
    finally:
        await _close(caller, callee)
    return "taken"


async def rollback(aiortc: ModuleType) -> str:
    """Say the signalling state after a rollback of our offer."""
    pc = _made(aiortc)
    pc.addTransceiver("audio")
    await pc.setLocalDescription(await pc.createOffer())
    await pc.setLocalDescription(aiortc.RTCSessionDescription("", "rollback"))
    found = pc.signalingState
    await pc.close()
    return str(found)


async def open_of_peer(aiortc: ModuleType) -> str:
    """Say whether `open` fires on a channel that the peer made."""
    caller, callee = _made(aiortc), _made(aiortc)
    channel = caller.createDataChannel("chat")
    echoed = asyncio.Event()
    opened: list[bool] = []

    @callee.on("datachannel")  # type: ignore[untyped-decorator]  # one of two modules
    def on_channel(found: Any) -> None:
        found.on("open", lambda: opened.append(True))
        found.on("message", found.send)

    channel.on("open", lambda: channel.send("hello"))
    channel.on("message", lambda message: echoed.set())
    await _connect(caller, callee)
    async with asyncio.timeout(DEADLINE):
        await echoed.wait()
    await _close(caller, callee)
    return "fires after `datachannel`" if opened else "never fires"


async def other_fingerprint(aiortc: ModuleType) -> str:
    """Say what an offer of ours does whose fingerprint the program changes."""
    pc = _made(aiortc)
    pc.addTransceiver("audio")
    offer = await pc.createOffer()
    text = re.sub(r"(a=fingerprint:sha-256) ..", r"\1 00", offer.sdp)
    try:
        await pc.setLocalDescription(aiortc.RTCSessionDescription(text, "offer"))
    except Exception as error:
        return _raised(error, sentence=False)
    finally:
        await pc.close()
    return "taken, though another certificate is shown"


async def much_at_once(aiortc: ModuleType) -> str:
    """Say what a channel does with 17 MiB at once."""
    caller, callee = _made(aiortc), _made(aiortc)
    channel = caller.createDataChannel("chat")
    opened = asyncio.Event()
    channel.on("open", opened.set)
    await _connect(caller, callee)
    async with asyncio.timeout(DEADLINE):
        await opened.wait()
    piece = bytes(64 * 1024)
    try:
        for _ in range(17 * 16):
            channel.send(piece)
    except Exception as error:
        return f"{_raised(error, sentence=False)} at {channel.bufferedAmount // 2**20} MiB"
    finally:
        await _close(caller, callee)
    return "taken, without a bound"


async def id_given(aiortc: ModuleType) -> str:
    """Say what becomes of the id of a channel that is not negotiated."""
    caller, callee = _made(aiortc), _made(aiortc)
    channel = caller.createDataChannel("chat", id=42)
    opened = asyncio.Event()
    channel.on("open", opened.set)
    await _connect(caller, callee)
    async with asyncio.timeout(DEADLINE):
        await opened.wait()
    found = channel.id
    await _close(caller, callee)
    return "used" if found == 42 else "chosen by us"


async def transport_stopped(aiortc: ModuleType) -> str:
    """Say what `stop` of a transport does."""
    pc = _made(aiortc)
    pc.createDataChannel("chat")
    await pc.setLocalDescription(await pc.createOffer())
    try:
        await pc.sctp.transport.transport.stop()
    except Exception as error:
        return _raised(error, sentence=False)
    finally:
        await pc.close()
    return "stops it"
