"""Process that records a call by us or by aiortc, controlled by lines of JSON.

Usage: `python -m benchmarks.record_subject SUBJECT LOOP PATH`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRecorder

from benchmarks.rtp_subject import LOOPS, serve
from media.recording.recorder import Recorder
from peer import PeerConnection, SdpType, SessionDescription

if TYPE_CHECKING:
    from collections.abc import Callable


class Subject(Protocol):
    """A recorder of the benchmark."""

    def __init__(self, path: str) -> None: ...

    async def source(self, offer: str) -> str:
        """Answer the offer of a sender, and record its tracks."""
        ...

    async def stop(self) -> None:
        """Stop recording and complete the file."""
        ...


class Handfast:
    """Our recorder, which writes encoded frames as they come.

    Args:
        path: Path of the file.
    """

    def __init__(self, path: str) -> None:
        self._pc = PeerConnection()
        self._recorder = Recorder(path)

    async def source(self, offer: str) -> str:
        """Answer a sender as `Subject.source` says."""
        pc = self._pc
        await pc.setRemoteDescription(SessionDescription(offer, SdpType.OFFER))
        for receiver in pc.getReceivers():
            self._recorder.addTrack(receiver)
        await self._recorder.start()
        await pc.setLocalDescription()
        await pc.gathering_complete()
        assert pc.localDescription is not None
        return pc.localDescription.sdp

    async def stop(self) -> None:
        """Complete the file as `Subject.stop` says."""
        await self._recorder.stop()
        if self._recorder.stats.transcoding:
            raise RuntimeError("something was encoded")


class Aiortc:
    """aiortc's `MediaRecorder`, which decodes and encodes all frames.

    Args:
        path: Path of the file.
    """

    def __init__(self, path: str) -> None:
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._recorder = MediaRecorder(path)

    async def source(self, offer: str) -> str:
        """Answer a sender as `Subject.source` says."""
        pc = self._pc
        await pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        for receiver in pc.getReceivers():
            self._recorder.addTrack(receiver.track)
        await self._recorder.start()
        await pc.setLocalDescription(await pc.createAnswer())
        return pc.localDescription.sdp

    async def stop(self) -> None:
        """Complete the file as `Subject.stop` says."""
        await self._recorder.stop()


SUBJECTS: dict[str, Callable[[str], Subject]] = {"handfast": Handfast, "aiortc": Aiortc}


async def _record(name: str, path: str) -> None:
    subject = SUBJECTS[name](path)

    async def answer(request: dict[str, Any]) -> dict[str, Any]:
        match request["do"]:
            case "source":
                return {"answer": await subject.source(request["offer"])}
            case "stop":
                await subject.stop()
        return {"frames": 0, "processor": time.process_time()}

    await serve(answer)


def main(name: str, loop: str, path: str) -> None:
    """Run the process from the command line."""
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(_record(name, path))
    # Threads of aiortc may still run.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
