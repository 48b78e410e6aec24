"""Recordings of rooms that a member asks the server for: what everybody sees, and the files."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from typing import TYPE_CHECKING, Any

import av
import pytest

from handfast.room_page import RECORDINGS_PATH
from handfast.room_recordings.bounds import RecordingBounds
from handfast.serving import ServeError, ServeOptions, serve
from handfast.web_server import WebServerOptions
from media import SyntheticAudioTrack, SyntheticVideoTrack
from signaling import join
from signaling.server import RedisBackplane
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connection_media import sent_for
from tests.support.negotiation.connections import until
from tests.support.network.certificate import write_certificate
from tests.support.rooms.recorded_rooms import (
    TOKENS,
    PlainMember,
    RecordingServer,
    plain_member,
    recording_server,
    room_token,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from signaling import Room

_ROOM = "a/b"


@contextlib.asynccontextmanager
async def _sender(server: RecordingServer, name: str) -> AsyncIterator[tuple[Room, list[str]]]:
    """Somebody who sends picture and sound to everybody, and the texts that it reads."""
    texts: list[str] = []
    async with join(server.url, room=_ROOM, name=name) as room:
        room.on("message", lambda message: texts.append(message.text))
        room.publish(SyntheticVideoTrack(width=320, height=240), "s")
        room.publish(SyntheticAudioTrack(), "s")
        yield room, texts


async def _sent(sender: Room) -> None:
    await until(lambda: sender.participant("Recorder") is not None)
    recorder = sender.participant("Recorder")
    assert recorder is not None
    await sent_for(recorder.connection, 2.0)


async def _recorded(asker: PlainMember, ticket: str, *senders: Room) -> None:
    """Wait until two seconds of each sender have been sent, and something is recorded."""
    await asyncio.gather(*map(_sent, senders))
    status: dict[str, Any] = {"size": 0}
    while status["size"] == 0:
        status = (await asker.client.get(f"{RECORDINGS_PATH}/{ticket}")).json()
        assert not status["done"], status
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("layout", ["grid", "separate"])
async def test_room_is_recorded_by_a_participant_that_all_see_until_the_asker_stops_it(
    layout: str, tmp_path: Path
) -> None:
    async with (
        asyncio.timeout(2 * DEADLINE),
        recording_server(tmp_path) as server,
        plain_member(server.url, room=_ROOM, name="Ada") as ada,
        _sender(server, "Bob") as (bob, read),
        _sender(server, "Cid") as (cid, _),
    ):
        await ada.until("Bob", "Cid")
        ordered = await ada.order(layout=layout)
        assert ordered.status_code == 201
        ticket = ordered.json()["ticket"]
        await ada.until("Bob", "Cid", "Recorder")
        await _recorded(ada, ticket, bob, cid)
        await until(lambda: read == ["This room is recorded, as Ada asked."])
        stopped = (await ada.client.delete(f"{RECORDINGS_PATH}/{ticket}")).json()
        await ada.until("Bob", "Cid")
        assert stopped["done"]
        assert stopped["end"] == "stopped"
        assert stopped["notes"] == []
        names = [file["name"] for file in stopped["files"]]
        assert all(name.startswith("a-b-2") and name.endswith(".webm") for name in names)
        if layout == "grid":
            assert len(names) == 1
        else:
            assert sorted(name.rsplit("-", 1)[1] for name in names) == ["Bob.webm", "Cid.webm"]
        for file in stopped["files"]:
            response = await ada.client.get(f"{RECORDINGS_PATH}/{file['url']}")
            assert response.headers["content-disposition"] == (
                f'attachment; filename="{file["name"]}"'
            )
            assert response.headers["cache-control"] == "no-store"
            path = tmp_path / file["name"]
            path.write_bytes(response.content)
            with av.open(str(path)) as container:
                kinds = sorted(stream.type for stream in container.streams)
                assert kinds == ["audio", "video"]
                assert any(True for _ in container.decode(video=0))
    # What is left is what the test has saved.
    assert sorted(os.listdir(tmp_path)) == sorted(names)


@pytest.mark.parametrize(
    ("claims", "allowed"),
    [
        ({"record": True}, True),
        ({}, False),
        ({"record": "yes"}, False),
        ({"record": True, "name": "Bob"}, False),
        ({"record": True, "room": "other"}, False),
        ({"record": True, "exp": 1}, False),
    ],
)
async def test_token_has_to_give_the_right_to_record_and_the_recorder_needs_none(
    claims: dict[str, Any], allowed: bool, tmp_path: Path
) -> None:
    async with (
        asyncio.timeout(DEADLINE),
        recording_server(tmp_path, tokens=TOKENS) as server,
        plain_member(server.url, room=_ROOM, name="Ada", token=room_token(_ROOM)) as ada,
    ):
        ordered = await ada.order(token=room_token(_ROOM, **claims))
        if allowed:
            assert ordered.status_code == 201
            await ada.until("Recorder")
        else:
            assert ordered.status_code == 403
            assert ordered.json()["code"] == "forbidden"
            assert ada.peers == {}
    # What still runs ends with the server.
    assert os.listdir(tmp_path) == []


async def test_recorder_joins_a_server_of_https_whose_certificate_nobody_has_signed(
    tmp_path: Path,
) -> None:
    certificate = write_certificate(tmp_path)
    trust = ssl.create_default_context(cafile=certificate[0])
    async with (
        asyncio.timeout(DEADLINE),
        recording_server(tmp_path, certificate=certificate) as server,
        plain_member(server.url, room=_ROOM, name="Ada", trust=trust) as ada,
    ):
        assert (await ada.order()).status_code == 201
        await ada.until("Recorder")


async def test_who_is_in_no_room_gets_no_recording_and_each_bad_request_a_status_of_its_own(
    tmp_path: Path,
) -> None:
    async with (
        asyncio.timeout(DEADLINE),
        recording_server(tmp_path) as server,
        plain_member(server.url, room=_ROOM, name="Ada") as ada,
    ):
        stranger = await ada.order(session="guessed")
        assert (stranger.status_code, stranger.json()["code"]) == (403, "not-a-member")
        assert (await ada.order(layout="circle")).status_code == 400
        for body in (b"", b"[", b"[" * 16_000, b"\xff"):
            answer = await ada.client.post(RECORDINGS_PATH, content=body)
            assert answer.status_code == 400
        flood = await ada.client.post(RECORDINGS_PATH, content=b" " * 20_000)
        assert flood.status_code == 413
        for path in ("guessed", "guessed/0", "guessed/../../x"):
            assert (await ada.client.get(f"{RECORDINGS_PATH}/{path}")).status_code == 404
        assert (await ada.client.delete(f"{RECORDINGS_PATH}/guessed")).status_code == 404


async def test_room_of_a_session_is_recorded_once_and_its_ticket_opens_nothing_before_it_is_done(
    tmp_path: Path,
) -> None:
    async with (
        asyncio.timeout(DEADLINE),
        recording_server(tmp_path) as server,
        plain_member(server.url, room=_ROOM, name="Ada") as ada,
        plain_member(server.url, room=_ROOM, name="Bob") as bob,
    ):
        ticket = (await ada.order()).json()["ticket"]
        await bob.until("Ada", "Recorder")
        again = await bob.order()
        assert (again.status_code, again.json()["code"]) == (409, "running")
        early = await ada.client.get(f"{RECORDINGS_PATH}/{ticket}/0")
        assert early.status_code == 404
        stopped = (await ada.client.delete(f"{RECORDINGS_PATH}/{ticket}")).json()
        assert (stopped["done"], stopped["end"], stopped["files"]) == (True, "stopped", [])
        await bob.until("Ada")


async def test_recorder_leaves_a_room_that_everybody_has_left(tmp_path: Path) -> None:
    async with (
        asyncio.timeout(DEADLINE),
        recording_server(tmp_path, bounds=RecordingBounds(alone=0.2)) as server,
        server.client() as client,
    ):
        async with plain_member(server.url, room=_ROOM, name="Ada") as ada:
            ticket = (await ada.order()).json()["ticket"]
            await ada.until("Recorder")
        status: dict[str, Any] = {"done": False}
        while not status["done"]:
            await asyncio.sleep(0.05)
            status = (await client.get(f"{RECORDINGS_PATH}/{ticket}")).json()
        assert status["end"] == "empty"


async def test_recording_of_a_full_room_says_that_the_room_is_full(tmp_path: Path) -> None:
    async with asyncio.timeout(DEADLINE), contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(recording_server(tmp_path, members_per_room=1))
        ada = await stack.enter_async_context(plain_member(server.url, room=_ROOM, name="Ada"))
        ticket = (await ada.order()).json()["ticket"]
        status: dict[str, Any] = {"done": False}
        while not status["done"]:
            status = (await ada.client.get(f"{RECORDINGS_PATH}/{ticket}")).json()
        assert status["end"] == "failed"
        assert "the recorder cannot be in the room" in status["notes"][0]
        assert "room-full" in status["notes"][0]


async def test_server_without_recordings_says_so_and_takes_no_order() -> None:
    async with (
        asyncio.timeout(DEADLINE),
        recording_server(None) as server,
        plain_member(server.url, room=_ROOM, name="Ada") as ada,
    ):
        assert (await ada.client.get(RECORDINGS_PATH)).json()["available"] is False
        assert (await ada.order()).status_code == 405


async def test_server_cannot_record_into_no_folder_or_beside_other_servers(
    tmp_path: Path,
) -> None:
    stop, web = asyncio.Event(), WebServerOptions(port=0)
    with pytest.raises(ServeError, match="gone takes no recordings: No such file or directory"):
        await serve(ServeOptions(web=web, recordings=tmp_path / "gone"), stop, print)
    shared = ServeOptions(
        web=web, recordings=tmp_path, backplane=RedisBackplane("redis://127.0.0.1:1")
    )
    with pytest.raises(ServeError, match=r"--recordings .* does not go with --redis"):
        await serve(shared, stop, print)
    assert os.listdir(tmp_path) == []
