"""pipecat's SmallWebRTC transport: a pipeline that gives back what it hears and is told."""

from __future__ import annotations

import asyncio
from typing import Any

import peer.compat

peer.compat.install()

from fastapi import FastAPI
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    OutputAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import (
    FrameDirection,
    FrameProcessor,
)
from pipecat.transports.base_transport import TransportParams
from pipecat.transports.smallwebrtc.connection import (
    SmallWebRTCConnection,
)
from pipecat.transports.smallwebrtc.request_handler import (
    SmallWebRTCRequest,
    SmallWebRTCRequestHandler,
)
from pipecat.transports.smallwebrtc.transport import (
    SmallWebRTCTransport,
)
from pipecat.workers.runner import WorkerRunner

from tests.dependants.programs.serving import serve, tell

app = FastAPI()
handler = SmallWebRTCRequestHandler()
running: list[asyncio.Task[None]] = []


class Echo(FrameProcessor):  # type: ignore[misc]  # not installed where types are checked
    """Gives sound that comes in to what sends it."""

    heard = 0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Turn what came in into what goes out."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            self.heard += 1
            if self.heard == 50:
                tell(heard=self.heard, rate=frame.sample_rate)
            await self.push_frame(
                OutputAudioRawFrame(frame.audio, frame.sample_rate, frame.num_channels)
            )
        else:
            await self.push_frame(frame, direction)


async def run(connection: SmallWebRTCConnection) -> None:
    """Run a pipeline for one page."""
    transport = SmallWebRTCTransport(
        connection, TransportParams(audio_in_enabled=True, audio_out_enabled=True)
    )

    @transport.event_handler("on_client_connected")
    async def on_connected(*_: Any) -> None:
        tell(connected=True)

    @transport.event_handler("on_client_disconnected")
    async def on_disconnected(*_: Any) -> None:
        tell(disconnected=True)

    @connection.event_handler("app-message")
    async def on_message(_: Any, message: Any) -> None:
        tell(message=message)
        connection.send_app_message({"type": "echo", "message": message})

    pipeline = Pipeline([transport.input(), Echo(), transport.output()])
    await WorkerRunner(handle_sigint=False).run(PipelineWorker(pipeline))


@app.post("/offer")
async def offer(request: dict[str, Any]) -> Any:
    """Answer the offer of a page."""

    async def begin(connection: SmallWebRTCConnection) -> None:
        running.append(asyncio.create_task(run(connection)))

    return await handler.handle_web_request(SmallWebRTCRequest.from_dict(request), begin)


serve(app)
