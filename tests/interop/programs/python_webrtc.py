"""libwebrtc in Python (`wrtc` of PyPI) as a peer, by the lines of README.md beside this file."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from importlib.metadata import version
from typing import Any

import webrtc  # type: ignore[import-not-found]  # it is kept apart from what the tests import

_WIDTH, _HEIGHT, _FRAMES_A_SECOND = 160, 120, 30
_LINE_LIMIT = 1 << 20


def say(what: str, **fields: object) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps({"say": what, **fields}) + "\n")
    sys.stdout.flush()


class Arrivals:
    """Frames that arrive, counted as arrivals.js counts them where there are no packets."""

    def __init__(self) -> None:
        self._last: float | None = None
        self.reset()

    def reset(self) -> None:
        """Count anew."""
        self._count, self._gap = 0, 0.0
        if self._last is not None:
            self._last = time.monotonic()

    def note(self) -> None:
        """A frame came."""
        now = time.monotonic()
        if self._last is not None:
            self._gap = max(self._gap, now - self._last)
        self._last = now
        self._count += 1

    def report(self) -> dict[str, float]:
        """The numbers, times in milliseconds."""
        silence = 0.0 if self._last is None else time.monotonic() - self._last
        gap = 1000 * max(self._gap, silence)
        return {"count": self._count, "lost": 0, "doubled": 0, "longestGap": gap}


class Peer:
    """One connection, and the tasks that feed its tracks and read those that come."""

    def __init__(self) -> None:
        self._connection = webrtc.RTCPeerConnection()
        self._arrivals = Arrivals()
        self._tasks: set[asyncio.Task[None]] = set()
        self._added: list[Any] = []
        self._prepared = False
        self._connection.on("icecandidate", self._found)
        self._connection.on("datachannel", lambda event: self._echo(event.channel))
        self._connection.on("track", lambda event: self._watch(event.track))

    async def obey(self, command: dict[str, Any]) -> None:
        """Do what one line says."""
        match command["do"]:
            case "offer":
                self._prepare()
                options = webrtc.RTCOfferOptions(ice_restart=command.get("iceRestart", False))
                await self._describe(await self._connection.create_offer(options))
            case "take":
                await self._take(webrtc.RTCSessionDescriptionInit(**command["description"]))
            case "candidate":
                await self._add_candidate(command["candidate"])
            case "reset":
                self._arrivals.reset()
                say("reset")
            case "report":
                await self._report()
            case _:
                self._change(command)

    def _change(self, command: dict[str, Any]) -> None:
        """Change what the next description will say, or end it all."""
        match command["do"]:
            case "send":
                self._send(command["kind"], command.get("encodings", {}))
            case "unsend":
                self._connection.remove_track(self._added.pop())
            case "direct":
                for transceiver in self._connection.get_transceivers():
                    transceiver.direction = command["direction"]
            case "channel":
                self._echo(self._connection.create_data_channel(command["label"]))
            case "restart":
                self._connection.restart_ice()
            case "close":
                self._connection.close()
            case other:
                raise ValueError(f"no such command: {other}")

    def _send(self, kind: str, encodings: dict[str, float]) -> None:
        if kind != "video":
            raise ValueError(f"no {kind} is sent here")
        generator = webrtc.VideoTrackGenerator()
        if encodings:
            sent = [
                webrtc.RTCRtpEncodingParameters(rid=rid, scale_resolution_down_by=by)
                for rid, by in encodings.items()
            ]
            init = webrtc.RTCRtpTransceiverInit(direction="sendonly", send_encodings=sent)
            self._added.append(self._connection.add_transceiver(generator.track, init).sender)
        else:
            self._added.append(self._connection.add_track(generator.track))
        # libwebrtc sends three encodings of pictures from 960 by 540 on.
        width, height = (960, 540) if encodings else (_WIDTH, _HEIGHT)
        self._begin(self._draw(generator.writable.get_writer(), width, height))

    async def _draw(self, writer: Any, width: int, height: int) -> None:
        """Write a grey picture, another each time, until the track ends."""
        size, number = width * height * 3 // 2, 0
        while True:
            init = webrtc.VideoFrameBufferInit(
                format="I420",
                coded_width=width,
                coded_height=height,
                timestamp=number * 1_000_000 // _FRAMES_A_SECOND,
            )
            await writer.write(webrtc.VideoFrame(bytes([number * 5 % 256]) * size, init))
            number += 1
            await asyncio.sleep(1 / _FRAMES_A_SECOND)

    def _prepare(self) -> None:
        connection = self._connection
        if not self._prepared and not connection.get_transceivers():
            connection.add_transceiver("audio")
        if not self._prepared and connection.remote_description is None:
            self._echo(connection.create_data_channel("echo"))
        self._prepared = True

    async def _describe(self, description: Any) -> None:
        await self._connection.set_local_description(description)
        local = self._connection.local_description
        say("description", description={"type": str(local.type.value), "sdp": local.sdp})

    async def _take(self, description: Any) -> None:
        await self._connection.set_remote_description(description)
        if description.type == "offer":
            await self._describe(await self._connection.create_answer())

    async def _add_candidate(self, candidate: dict[str, Any]) -> None:
        init = webrtc.RTCIceCandidateInit(
            candidate=candidate["candidate"],
            sdp_mid=candidate["sdpMid"],
            sdp_m_line_index=candidate["sdpMLineIndex"],
        )
        await self._connection.add_ice_candidate(init)

    def _found(self, event: Any) -> None:
        candidate = event.candidate
        if candidate is not None and candidate.candidate:
            fields = {"sdpMid": candidate.sdp_mid, "sdpMLineIndex": candidate.sdp_m_line_index}
            say("candidate", candidate={"candidate": candidate.candidate, **fields})

    def _echo(self, channel: Any) -> None:
        channel.on("message", lambda event: channel.send(event.data))

    def _watch(self, track: Any) -> None:
        if track.kind == "video":
            self._begin(self._count(track))

    async def _count(self, track: Any) -> None:
        """Note each frame of a track until it ends."""
        init = webrtc.MediaStreamTrackProcessorInit(track)
        async for frame in webrtc.MediaStreamTrackProcessor(init).readable:
            self._arrivals.note()
            frame.close()

    def _begin(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        # The loop itself forgets its tasks.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _report(self) -> None:
        found = await self._connection.get_stats()
        stats = {key: found[key].to_json() for key in found}
        streams = [each for each in stats.values() if each["type"] == "inbound-rtp"]
        # The stream that flows, where m-sections were added that have none.
        none: dict[str, Any] = {}
        inbound = max(streams, key=lambda each: each.get("packetsReceived", 0), default=none)
        transport = next((each for each in stats.values() if each["type"] == "transport"), none)
        pair = stats.get(transport.get("selectedCandidatePairId", ""), {})
        ends = (pair.get("localCandidateId"), pair.get("remoteCandidateId"))
        say(
            "report",
            audioPackets=inbound.get("packetsReceived", 0),
            transport=transport,
            arrivals=self._arrivals.report(),
            inbound=inbound,
            pair=[stats[end] for end in ends if end in stats],
        )


async def _lines() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=_LINE_LIMIT)
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    return reader


async def main() -> None:
    """Obey the lines of standard input until it ends."""
    peer = Peer()
    say("ready", version=version("wrtc"))
    async for line in await _lines():
        try:
            await peer.obey(json.loads(line))
        # What the stack raises is what the tests want to hear.
        except Exception as error:
            say("error", text=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    asyncio.run(main())
