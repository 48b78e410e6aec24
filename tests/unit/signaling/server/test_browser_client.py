"""The room client for web pages as the room server hands it out."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from signaling.server import create_app
from signaling.server.browser_client import CLIENT_NAME


@pytest.mark.parametrize("prefix", ["", "/signaling"])
async def test_room_client_is_served_beside_the_rooms_wherever_they_are_mounted(
    prefix: str,
) -> None:
    app = Starlette(routes=[Mount(prefix, create_app())])
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost"
    ) as client:
        response = await client.get(
            f"{prefix}/{CLIENT_NAME}", headers={"Origin": "https://a.example"}
        )

    assert response.status_code == 200
    assert response.headers["content-type"].split(";")[0] == "text/javascript"
    # Pages of other origins may load it; whether they may join is for the WebSocket to say.
    assert response.headers["access-control-allow-origin"] == "*"
    assert "export async function join(" in response.text
