"""`peer.compat.contrib.signaling` carries what `peer.compat` makes, by aiortc's own channels."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

import peer.compat as aiortc
from peer.compat.contrib.signaling import (
    BYE,
    CopyAndPasteSignaling,
    TcpSocketSignaling,
    UnixSocketSignaling,
    add_signaling_arguments,
    create_signaling,
    object_from_string,
    object_to_string,
)
from tests.support.compat.pairs import connection
from tests.support.negotiation.connections import within

if TYPE_CHECKING:
    from pathlib import Path


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_signaling_arguments(parser)
    return parser.parse_args(arguments)


async def test_two_connections_of_compat_meet_over_a_unix_socket(tmp_path: Path) -> None:
    arguments = parsed("-s", "unix-socket", "--signaling-path", str(tmp_path / "s"))
    here, there = create_signaling(arguments), create_signaling(arguments)
    assert isinstance(here, UnixSocketSignaling)
    caller, callee = connection(), connection()
    opened = asyncio.Event()
    caller.createDataChannel("chat").on("open", opened.set)
    await caller.setLocalDescription(await caller.createOffer())
    sending = asyncio.create_task(here.send(caller.localDescription))
    while not (tmp_path / "s").exists():  # noqa: ASYNC110 - the channel has no event for it
        await asyncio.sleep(0.01)
    offer = await within(there.receive())
    await sending
    assert isinstance(offer, aiortc.RTCSessionDescription)
    await callee.setRemoteDescription(offer)
    await callee.setLocalDescription(await callee.createAnswer())
    await there.send(callee.localDescription)
    answer = await within(here.receive())
    assert isinstance(answer, aiortc.RTCSessionDescription)
    await caller.setRemoteDescription(answer)
    await within(opened.wait())
    await asyncio.gather(caller.close(), callee.close())
    await there.close()
    assert await within(here.receive()) is BYE
    await here.close()


def test_each_kind_of_channel_is_made_of_its_arguments() -> None:
    assert isinstance(create_signaling(parsed("-s", "tcp-socket")), TcpSocketSignaling)
    assert isinstance(create_signaling(parsed("-s", "copy-and-paste")), CopyAndPasteSignaling)
    assert isinstance(create_signaling(parsed()), CopyAndPasteSignaling)


def test_a_candidate_survives_its_way_as_text() -> None:
    candidate = aiortc.RTCIceCandidate(
        component=1,
        foundation="0",
        ip="192.0.2.1",
        port=33543,
        priority=2122252543,
        protocol="udp",
        type="host",
        sdpMid="audio",
        sdpMLineIndex=0,
    )
    assert object_from_string(object_to_string(candidate)) == candidate
    assert object_from_string(object_to_string(BYE)) is BYE
