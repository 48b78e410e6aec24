"""Each private name of aiortc's that docs/COMPAT.md lists is there, and is what the list says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aioice.stun
import pytest
from aiortc import jitterbuffer, rtcsctptransport

import peer.compat as aiortc
from tests.support.compat.pairs import connect, connection
from tests.support.project.tools import ROOT

_HEADING = "## Names that programs touch though they are private"


@dataclass(frozen=True, slots=True)
class Pair:
    """A connection that sends pictures to another, and a third without a peer.

    The third is made while `aioice.stun` has a `RETRY_MAX` of 8 and a `RETRY_RTO` of 0.1 s.
    """

    caller: aiortc.RTCPeerConnection
    callee: aiortc.RTCPeerConnection
    fresh: aiortc.RTCPeerConnection

    @property
    def transceiver(self) -> Any:
        """The transceiver that receives."""
        return self.callee.getTransceivers()[0]

    @property
    def sender(self) -> Any:
        """The sender of the picture."""
        return self.caller.getSenders()[0]

    @property
    def ice(self) -> Any:
        """The ICE connection below the receiver."""
        return self.transceiver.receiver.transport.transport._connection


def _candidates_are_those_of_both_ends(pair: Pair) -> bool:
    local, remote = pair.ice.local_candidates, pair.ice.remote_candidates
    nominated = pair.ice._nominated[1]
    ports = [{each.port for each in candidates} for candidates in (local, remote)]
    return (
        nominated.local_candidate.port in ports[0]
        and nominated.remote_candidate.port in ports[1]
        and (nominated.local_addr[1], nominated.remote_addr[1])
        == (nominated.local_candidate.port, nominated.remote_candidate.port)
    )


def _codecs_can_be_put_back(pair: Pair) -> bool:
    each = pair.transceiver
    each._codecs, each._headerExtensions = list(each._codecs), list(each._headerExtensions)
    return [codec.name for codec in each._codecs][:2] == ["VP8", "rtx"]


def _ids_are_those_of_the_description(pair: Pair) -> bool:
    sender, text = pair.sender, pair.caller.localDescription.sdp
    return (
        f"a=ssrc:{sender._ssrc} " in text
        and f"a=ssrc-group:FID {sender._ssrc} {sender._rtx_ssrc}" in text
        and f"a=msid:{sender._stream_id} {sender._track_id}" in text
        and sender._track_id == sender.track.id
    )


def _roles_are_a_client_and_a_server(pair: Pair) -> bool:
    ends = (pair.sender, pair.transceiver.receiver)
    fresh = pair.fresh.addTransceiver("audio").sender.transport
    return (fresh._role, {each.transport._role for each in ends}) == ("auto", {"client", "server"})


def _can_be_set(owner: Any, name: str, value: object) -> bool:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(owner, name, value, raising=False)
        return bool(getattr(owner, name) == value)


#: What each row promises, by its first cell. Those that change something while media flows have
#: tests of their own in `test_private_names.py`.
ROWS: dict[str, Callable[[Pair], object]] = {
    "`RemoteStreamTrack._queue`": lambda pair: (
        pair.transceiver.receiver.track._queue.empty() in (True, False)
    ),
    "`receiver._enabled`": lambda pair: pair.transceiver.receiver._enabled is True,
    "`receiver._RTCRtpReceiver__stop_decoder`": lambda pair: callable(
        getattr(pair.transceiver.receiver, "_RTCRtpReceiver__stop_decoder")  # noqa: B009 - mangled
    ),
    "`transceiver._codecs`, `transceiver._headerExtensions`": _codecs_can_be_put_back,
    "`sender._ssrc`, `_rtx_ssrc`, `_stream_id`, `_track_id`": _ids_are_those_of_the_description,
    "`transceiver._get_mline_index()`": lambda pair: pair.transceiver._get_mline_index() == 0,
    "`transport._role`": _roles_are_a_client_and_a_server,
    "`ice._connection.local_candidates`, `remote_candidates`, `_nominated`": (
        _candidates_are_those_of_both_ends
    ),
    "`rtcsctptransport.USERDATA_MAX_LENGTH`": lambda _: _can_be_set(
        rtcsctptransport, "USERDATA_MAX_LENGTH", 1100
    ),
    "`receiver._RTCRtpReceiver__jitter_buffer`, `jitterbuffer.JitterBuffer`": lambda pair: (
        _can_be_set(
            pair.transceiver.receiver,
            "_RTCRtpReceiver__jitter_buffer",
            jitterbuffer.JitterBuffer(capacity=16, prefetch=0),
        )
    ),
    "`aioice.stun.RETRY_MAX`, `RETRY_RTO`": lambda pair: (
        round(pair.fresh.peer.getConfiguration().connect_timeout, 3) == 51.1
    ),
}


def _documented() -> list[str]:
    section = (ROOT / "docs" / "COMPAT.md").read_text().partition(_HEADING)[2]
    table = section.partition("\n\n")[2].partition("\n\n")[0]
    return [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()[2:]]


def test_every_private_name_of_the_documentation_is_tested() -> None:
    assert _documented() == list(ROWS)


async def test_private_names_of_the_documentation_are_what_it_says_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(aioice.stun, "RETRY_MAX", 8)
    monkeypatch.setattr(aioice.stun, "RETRY_RTO", 0.1)
    fresh = connection()
    monkeypatch.undo()
    pair = Pair(connection(), connection(), fresh)
    pair.caller.addTrack(aiortc.VideoStreamTrack())
    await connect(pair.caller, pair.callee)

    assert [name for name, holds in ROWS.items() if not holds(pair)] == []

    await asyncio.gather(*(each.close() for each in (pair.caller, pair.callee, fresh)))
