"""RFC 5763 sections 6.6 and 6.8: what a later exchange does to the association, on the wire."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from peer import Certificate, DtlsError, PeerConnection
from tests.support.captures.captured_call import call
from tests.support.captures.dtls_reader import CLIENT_HELLO, SERVER_HELLO, hellos, records
from tests.support.captures.wire import Captured, Wire, pass_on
from tests.support.negotiation.connections import (
    announced,
    expected,
    local,
    opened,
    reached,
    says,
    until,
    within,
    without_candidates,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from peer import DataChannel, RekeyResult

_HANDSHAKE, _CHANGE_CIPHER_SPEC, _ALERT = 22, 20, 21


@dataclass
class Changing:
    """A connected call whose wire can be read from a mark on."""

    offerer: PeerConnection
    answerer: PeerConnection
    wire: Wire
    here: DataChannel
    there: DataChannel
    mark: int = 0

    def note(self) -> None:
        """Forget what has passed."""
        self.mark = len(self.wire.log)

    @property
    def passed(self) -> list[Captured]:
        return self.wire.log[self.mark :]

    @property
    def handshakes(self) -> list[bytes]:
        """The ClientHellos, retransmissions left out: their randoms."""
        return [hello.random for hello in hellos(self.passed, CLIENT_HELLO)]

    async def talk(self) -> None:
        """A message each way."""
        await says(self.here, "there", self.there)
        await says(self.there, "and back", self.here)


@asynccontextmanager
async def changing(change: Callable[[str], str] = str) -> AsyncIterator[Changing]:
    """A call in which every description was changed on its way."""
    async with call() as at:
        coming = expected(at.answerer, "datachannel")
        channel = at.offerer.createDataChannel("x")
        await at.offer(change)
        await at.offerer.setRemoteDescription(await at.make_answer(change))
        there = (await within(coming)).channel
        await opened(channel)
        result = Changing(at.offerer, at.answerer, at.wire, channel, there)
        await result.talk()
        result.note()
        yield result


async def offered(
    offerer: PeerConnection, answerer: PeerConnection, change: Callable[[str], str] = str
) -> None:
    await offerer.setLocalDescription()
    sent = without_candidates(local(offerer))
    await answerer.setRemoteDescription(replace(sent, sdp=change(sent.sdp)))
    await answerer.setLocalDescription()


async def answered(
    offerer: PeerConnection, answerer: PeerConnection, change: Callable[[str], str] = str
) -> None:
    sent = without_candidates(local(answerer))
    await offerer.setRemoteDescription(replace(sent, sdp=change(sent.sdp)))


async def wished(pc: PeerConnection) -> asyncio.Task[RekeyResult]:
    """A rekey of which nobody knows yet."""
    asking = asyncio.create_task(pc.rekey(keep_path=True))
    await asyncio.sleep(0)
    return asking


def setup(value: str) -> Callable[[str], str]:
    return lambda sdp: re.sub(r"a=setup:\w+", f"a=setup:{value}", sdp)


def anonymous(sdp: str) -> str:
    """As a peer that does not know RFC 8842 writes it."""
    return re.sub(r"a=tls-id:\S+\r\n", "", sdp)


def fingerprint(value: str) -> Callable[[str], str]:
    return lambda sdp: re.sub(r"a=fingerprint:[^\r]+", f"a=fingerprint:{value}", sdp)


def in_clear(datagram: Captured) -> bool:
    """Whether it has a record of a handshake that has no keys yet."""
    if not 20 <= datagram.data[0] <= 63:
        return False
    return any(record.epoch == 0 for record in records(datagram.data))


@pytest.mark.conformance("6.6-reuse")
async def test_a_re_offer_of_either_side_needs_no_handshake() -> None:
    async with changing() as at:
        at.offerer.addTransceiver("audio")
        await offered(at.offerer, at.answerer)
        await answered(at.offerer, at.answerer)
        await offered(at.answerer, at.offerer)
        await answered(at.answerer, at.offerer)
        await at.talk()
        assert not any(map(in_clear, at.passed))


@pytest.mark.conformance("6.6-new", "6.8-rekey", "5-tls-id")
async def test_a_new_tls_id_and_fingerprint_make_one_new_association() -> None:
    async with changing() as at:
        before = re.findall(r"a=tls-id:(\S+)", local(at.offerer).sdp)
        asking = await wished(at.offerer)
        await offered(at.offerer, at.answerer)
        await answered(at.offerer, at.answerer)
        result = await within(asking)
        assert result.changed
        await at.talk()
        assert len(at.handshakes) == 1
        assert len(hellos(at.passed, SERVER_HELLO)) == 1
        after = re.findall(r"a=tls-id:(\S+)", local(at.offerer).sdp)
        assert set(after).isdisjoint(before)


@pytest.mark.conformance("6.6-new", "6.8-rekey")
async def test_the_old_association_serves_until_the_new_one_is_up() -> None:
    async with changing() as at:
        asking = await wished(at.offerer)
        at.wire.fate = lambda each: () if in_clear(each) else pass_on(each)
        await offered(at.offerer, at.answerer)
        await answered(at.offerer, at.answerer)
        await at.wire.until(lambda: any(map(in_clear, at.passed)))
        await at.talk()
        assert not asking.done()
        at.wire.fate = pass_on
        assert (await within(asking)).changed
        await at.talk()


@pytest.mark.conformance("6.6-new", "6.8-rekey")
async def test_the_new_association_is_ready_before_the_answer() -> None:
    async with changing() as at:
        asking = await wished(at.offerer)
        await offered(at.offerer, at.answerer)
        # The answerer is the client here: it has called, and is answered.
        await at.wire.until(lambda: bool(hellos(at.passed, SERVER_HELLO)))
        await at.talk()
        assert not asking.done()
        await answered(at.offerer, at.answerer)
        assert (await within(asking)).changed
        assert len(at.handshakes) == 1


@pytest.mark.conformance("6.6-new", "6.8-rekey")
async def test_no_close_notify_ends_the_old_association_before_its_time() -> None:
    async with changing() as at:
        asking = await wished(at.offerer)
        await offered(at.offerer, at.answerer)
        await answered(at.offerer, at.answerer)
        await within(asking)
        await at.talk()
        alerts = [
            record
            for each in at.passed
            if 20 <= each.data[0] <= 63
            for record in records(each.data)
            if record.content_type == _ALERT
        ]
        assert alerts == []


@pytest.mark.conformance("6.6-role-change")
async def test_a_flipped_role_with_a_new_association_is_taken() -> None:
    async with changing() as at:
        client, server = at.answerer, at.offerer
        assert client.security.transports[0].role == "client"
        asking = await wished(server)
        await offered(server, client, setup("active"))
        await answered(server, client)
        assert (await within(asking)).changed
        assert client.security.transports[0].role == "server"
        assert server.security.transports[0].role == "client"
        await at.talk()


@pytest.mark.conformance("6.6-role-change")
async def test_a_flipped_setup_alone_is_not_believed_of_a_peer_without_tls_id() -> None:
    async with changing(anonymous) as at:
        before = at.offerer.security
        await offered(at.offerer, at.answerer, anonymous)
        await answered(at.offerer, at.answerer, lambda sdp: setup("passive")(anonymous(sdp)))
        await at.talk()
        assert at.offerer.security == before
        assert not any(map(in_clear, at.passed))


@pytest.mark.conformance("6.8-kept")
async def test_a_peer_that_keeps_its_association_loses_nothing() -> None:
    async with changing(anonymous) as at:
        old = announced(at.offerer)

        def unchanged(sdp: str) -> str:
            return fingerprint(old)(anonymous(sdp))

        asking = await wished(at.offerer)
        await offered(at.offerer, at.answerer, unchanged)
        await answered(at.offerer, at.answerer, anonymous)
        assert announced(at.offerer) != old
        await at.talk()
        result = await within(asking)
        assert not result.changed
        assert "kept its association" in result.reason
        await at.talk()
        await offered(at.offerer, at.answerer, anonymous)
        assert announced(at.offerer) == old
        await answered(at.offerer, at.answerer, anonymous)
        await at.talk()


@pytest.mark.conformance("5-fp-mismatch", "6.6-new")
async def test_a_fingerprint_that_the_handshake_does_not_show_ends_the_session() -> None:
    stranger = str(Certificate.generate().fingerprint())
    async with changing() as at:
        received: list[object] = []
        at.there.on("message", received.append)
        asking = await wished(at.offerer)
        await offered(at.offerer, at.answerer, fingerprint(stranger))
        shown = announced(at.offerer)
        await answered(at.offerer, at.answerer)
        await reached(
            at.answerer, "connectionstatechange", lambda: at.answerer.connectionState == "failed"
        )
        error = at.answerer.error
        assert isinstance(error, DtlsError)
        assert stranger in str(error)
        assert shown in str(error)
        await until(lambda: at.offerer.connectionState != "connected")
        received.clear()
        if at.here.readyState == "open":
            at.here.send("too late")
        await asyncio.sleep(0.1)
        assert received == []
        assert not (await within(asking)).changed


@pytest.mark.conformance("6.7.1-restart")
async def test_an_ice_restart_alone_needs_no_handshake() -> None:
    async with changing() as at:
        before = re.findall(r"a=ice-ufrag:(\S+)", local(at.offerer).sdp)
        at.offerer.restartIce()
        await at.offerer.setLocalDescription()
        await within(at.offerer.gathering_complete())
        await at.answerer.setRemoteDescription(local(at.offerer))
        await at.answerer.setLocalDescription()
        await within(at.answerer.gathering_complete())
        await at.offerer.setRemoteDescription(local(at.answerer))
        assert set(re.findall(r"a=ice-ufrag:(\S+)", local(at.offerer).sdp)).isdisjoint(before)
        await at.talk()
        assert not any(map(in_clear, at.passed))
