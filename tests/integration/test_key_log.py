"""The key log and the capture: what Wireshark is given, and that nobody else is."""

from __future__ import annotations

import logging
import stat
from typing import TYPE_CHECKING

import pytest

from peer import ConfigurationError, PeerConnection
from peer.tracing.capture import PcapngSink
from peer.tracing.events import Fanout
from tests.support.captures.captured_call import call
from tests.support.captures.decryption import decrypted
from tests.support.captures.pcapng import blocks, datagrams, key_log
from tests.support.captures.wire import Side
from tests.support.negotiation.connections import connected_pair, happened, loopback

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _without_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSLKEYLOGFILE", raising=False)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]


def content(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


# The key log


async def test_keys_are_not_logged_unless_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    async with connected_pair():
        pass

    assert content(tmp_path) == []
    assert warnings(caplog) == []


async def test_the_keys_of_both_ends_are_logged_for_their_owner_only(tmp_path: Path) -> None:
    left, right = tmp_path / "left.keys", tmp_path / "right.keys"
    async with call(loopback(key_log=left), loopback(key_log=str(right))) as between:
        between.offerer.createDataChannel("x")
        await between.connect()
        hello = next(each.data for each in between.wire.of(Side.ANSWERER) if each.is_dtls)

    assert left.read_bytes() == right.read_bytes()
    (line,) = left.read_text().splitlines()
    label, client_random, secret = line.split()
    assert label == "CLIENT_RANDOM"
    assert bytes.fromhex(client_random) == hello[27:59]
    assert len(bytes.fromhex(secret)) == 48
    assert stat.S_IMODE(left.stat().st_mode) == 0o600


async def test_a_log_that_exists_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    for _ in range(2):
        async with connected_pair(loopback(key_log=path)):
            pass

    assert len(path.read_text().splitlines()) == 2


async def test_the_environment_may_name_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named, configured = tmp_path / "named", tmp_path / "configured"
    monkeypatch.setenv("SSLKEYLOGFILE", str(named))
    async with connected_pair(loopback(key_log=configured)):
        pass

    # The configuration is the nearer one.
    assert configured.read_text() == named.read_text()
    assert len(named.read_text().splitlines()) == 1


def test_a_warning_names_the_file_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    PeerConnection(loopback(key_log=tmp_path / "keys"))

    (warning,) = warnings(caplog)
    assert str(tmp_path / "keys") in warning


def test_a_log_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "keys"
    with pytest.raises(ConfigurationError, match="cannot be written: No such file") as raised:
        PeerConnection(loopback(key_log=path))
    assert str(path) in str(raised.value)


async def test_a_log_that_goes_away_ends_no_session(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    configuration = loopback(key_log=folder / "keys")
    async with call(configuration) as between:
        between.offerer.createDataChannel("x")
        (folder / "keys").unlink()
        folder.rmdir()
        await between.connect()

    assert "cannot be written: No such file" in warnings(caplog)[-1]


# The capture


async def test_a_capture_with_keys_can_be_decrypted(tmp_path: Path) -> None:
    path = tmp_path / "call.pcapng"
    with PcapngSink(path) as sink:
        left = loopback(trace=sink, key_log=tmp_path / "keys")
        async with connected_pair(left) as (_, answerer, channel):
            other = answerer.createDataChannel("second")
            await happened(other, "open")
            channel.send("the secret of the capture")
            await answerer.getStats()

    data = path.read_bytes()
    assert b"the secret of the capture" not in data
    assert key_log(data) == (tmp_path / "keys").read_bytes()
    dtls = [each for each in datagrams(data) if 20 <= each.payload[0] <= 63]
    # We are the offerer, and the server.
    plain = decrypted(
        key_log(data),
        [each.payload for each in dtls if each.inbound],
        [each.payload for each in dtls if not each.inbound],
    )
    assert any(b"the secret of the capture" in each for each in plain)


async def test_the_keys_stand_before_what_they_decrypt(tmp_path: Path) -> None:
    path = tmp_path / "call.pcapng"
    with PcapngSink(path) as sink:
        async with connected_pair(loopback(trace=sink, key_log=tmp_path / "keys")):
            pass

    # Of epoch 1, whose records follow the 13 bytes of a ChangeCipherSpec or begin the datagram.
    found = list(blocks(path.read_bytes()))
    secrets = next(index for index, block in enumerate(found) if block.type == 10)
    changed = next(
        index
        for index, block in enumerate(found)
        if block.type == 6 and b"\x14\xfe\xfd\0\0" in block.body
    )
    assert secrets < changed


async def test_a_capture_without_a_key_log_has_no_keys(tmp_path: Path) -> None:
    path = tmp_path / "call.pcapng"
    with PcapngSink(path) as sink:
        async with connected_pair(loopback(trace=sink)):
            pass

    assert key_log(path.read_bytes()) == b""
    assert datagrams(path.read_bytes())


async def test_a_capture_has_every_datagram_as_it_was_on_the_wire(tmp_path: Path) -> None:
    path = tmp_path / "call.pcapng"
    with PcapngSink(path) as sink:
        async with call(loopback(trace=sink, bundlePolicy="max-bundle")) as between:
            channel = between.offerer.createDataChannel("x")
            await between.connect()
            if channel.readyState != "open":
                await happened(channel, "open")
            (wire_port,) = {
                p.faces[Side.OFFERER].get_extra_info("sockname")[1] for p in between.wire.paths
            }
            sent = [each.data for each in between.wire.of(Side.OFFERER)]
            came = [each.data for each in between.wire.of(Side.ANSWERER)]

    found = datagrams(path.read_bytes())
    assert [each.payload for each in found if not each.inbound][: len(sent)] == sent
    arrived = [each.payload for each in found if each.inbound]
    # The last ones may still have been on their way.
    assert arrived[: len(came)] == came[: len(arrived)]
    assert {each.target for each in found if not each.inbound} == {f"127.0.0.1:{wire_port}"}
    assert {each.source for each in found if each.inbound} == {f"127.0.0.1:{wire_port}"}
    assert [each.time for each in found] == sorted(each.time for each in found)


async def test_a_capture_beside_other_sinks_has_the_keys_too(tmp_path: Path) -> None:
    path = tmp_path / "call.pcapng"
    with PcapngSink(path) as sink:
        both = Fanout(lambda _: None, sink)
        async with connected_pair(loopback(trace=both, key_log=tmp_path / "keys")):
            pass

    assert key_log(path.read_bytes()) == (tmp_path / "keys").read_bytes()
