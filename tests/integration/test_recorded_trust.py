"""Who was recorded, and by what: what `handfast record` tells of it, and whom it refuses."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from typing import TYPE_CHECKING, Any

from typer.testing import CliRunner

from handfast.cli import app
from handfast.recording import JsonLines, RecordOptions, RecordSession
from handfast.rooms import RoomAddress
from handfast.trust_options import TrustOptions
from media import SyntheticAudioTrack
from peer import Certificate, PeerConfiguration, PeerConnection
from peer.trust import Trust
from signaling import Negotiator, join
from signaling.server import create_app
from tests.support.clock.deadline import DEADLINE
from tests.support.network.asgi import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class _Told(io.StringIO):
    """Lines of JSON, which come from another thread."""

    def __init__(self) -> None:
        super().__init__()
        self._loop, self._more = asyncio.get_running_loop(), asyncio.Event()

    def write(self, text: str) -> int:
        length = super().write(text)
        self._loop.call_soon_threadsafe(self._more.set)
        return length

    async def until(self, event: str) -> None:
        """Wait until an event of this kind is told."""
        while f'"event": "{event}"' not in self.getvalue():
            self._more.clear()
            await self._more.wait()


@contextlib.asynccontextmanager
async def _ada(url: str, certificate: Certificate) -> AsyncIterator[PeerConnection]:
    """In the room, in a call with the recorder, and seen by its certificate."""
    configuration = PeerConfiguration(certificates=[certificate], trust=Trust(phrase=True))
    async with (
        await join(f"{url}/ws", room="lobby", name="ada") as room,
        PeerConnection(configuration) as pc,
        asyncio.TaskGroup() as tasks,
    ):
        pc.addTrack(SyntheticAudioTrack())
        channel = await anext(room.channels())
        negotiating = Negotiator(pc, channel, polite=channel.polite)
        tasks.create_task(negotiating.run())
        yield pc
        await pc.close()


async def _recorded(
    url: str, folder: Path, certificate: Certificate, *, refused: bool = False
) -> list[dict[str, Any]]:
    """Record somebody with this certificate until there is sound, or a refusal; what was told."""
    told, stop = _Told(), asyncio.Event()
    lines = JsonLines(told)

    options = RecordOptions(
        address=RoomAddress.parse(f"{url}/ws#lobby"),
        path=folder / "out.webm",
        sidecar=True,
        stay=True,
        trust=TrustOptions(
            certificate=folder / "recorder.pem", known_peers=folder / "known.db", phrases=True
        ),
    )
    session = RecordSession(options, lambda _: None, lines)
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        recording = tasks.create_task(session.run(stop))
        async with _ada(url, certificate) as ada:
            await told.until("left" if refused else "progress")
            if not refused:
                await told.until("phrase")
                assert (await ada.phrase()).digits in told.getvalue()
        stop.set()
        await recording
    lines.close()
    return [json.loads(line) for line in told.getvalue().splitlines()]


def _sidecars(folder: Path) -> list[dict[str, Any]]:
    """What lies beside the files that have media."""
    return [json.loads(path.read_text()) for path in folder.glob("*.json")]


async def test_record_tells_who_came_and_refuses_a_name_with_another_certificate(
    tmp_path: Path,
) -> None:
    adas, mallorys = Certificate.generate(), Certificate.generate()
    async with serve(create_app()) as url:
        first = await _recorded(url, tmp_path, adas)
        again = await _recorded(url, tmp_path, adas)
        refused = await _recorded(url, tmp_path, mallorys, refused=True)

    def levels(told: list[dict[str, Any]]) -> list[tuple[str, bool]]:
        return [(each["level"], each["firstContact"]) for each in told if each["event"] == "peer"]

    assert levels(first) == [("nothing", True)]
    assert levels(again) == [("known", False)]
    assert levels(refused) == []
    reasons = [each["reason"] for each in refused if each["event"] == "left"]
    assert len(reasons) == 1
    assert "another certificate" in reasons[0]
    peers = [each["tracks"][0]["people"][0]["peer"]["level"] for each in _sidecars(tmp_path)]
    assert sorted(peers) == ["known", "nothing"]

    file = str(tmp_path / "known.db")
    assert str(adas.fingerprint()) in await asyncio.to_thread(_said, "known-peers", file)
    forgotten = await asyncio.to_thread(_said, "known-peers", file, "--forget", "ada")
    assert forgotten == "ada is forgotten.\n"


def _said(*arguments: str) -> str:
    return CliRunner().invoke(app, arguments).stdout


def test_known_peers_of_a_file_that_is_none_are_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database, but long enough to be looked at" * 20)
    for name, reason in (("nowhere.db", "There is no file"), ("text.db", "no store of known")):
        result = CliRunner().invoke(app, ["known-peers", str(tmp_path / name)])
        assert result.exit_code == 1
        assert reason in result.stderr
        assert not (tmp_path / "nowhere.db").exists()
