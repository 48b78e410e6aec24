"""rtcbot's connection: a robot with a camera, whose page sends commands over the data channel."""

from __future__ import annotations

import asyncio
from typing import Any

import peer.compat

peer.compat.install()

import numpy as np
from rtcbot import RTCConnection
from rtcbot.base import SubscriptionProducer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from tests.dependants.programs.serving import serve, tell

connections: list[Any] = []


class Camera(SubscriptionProducer):  # type: ignore[misc]  # rtcbot has no types
    """Gives 20 pictures a second, each of one colour."""

    def __init__(self) -> None:
        super().__init__(asyncio.Queue)
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        self._setReady(True)
        number = 0
        while True:
            self._put_nowait(np.full((240, 320, 3), number % 250, np.uint8))
            number += 1
            await asyncio.sleep(0.05)


async def offer(request: Request) -> JSONResponse:
    """Answer the offer of a page."""
    robot = RTCConnection()
    connections.append((robot, camera := Camera()))
    robot.video.putSubscription(camera.subscribe())

    @robot.subscribe
    def on_command(command: Any) -> None:
        tell(command=command)
        robot.put_nowait({"done": command})

    return JSONResponse(await robot.getLocalDescription(await request.json()))


async def index(_: Request) -> PlainTextResponse:
    """Serve a page of the same origin."""
    return PlainTextResponse("robot")


serve(Starlette(routes=[Route("/", index), Route("/offer", offer, methods=["POST"])]))
