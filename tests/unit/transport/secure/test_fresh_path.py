"""Rekeys whose handshake runs on the path of an ICE restart, which is up later than the old one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from peer.states import DtlsRole
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.rekey import DelayedLink, Pair, assert_all_arrived, changes, start_flows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peer.transport.interfaces import FreshPath

CLIENT, SERVER = DtlsRole.CLIENT, DtlsRole.SERVER


@dataclass
class Fresh:
    """A path that comes up when the test says so, and notes whether it holds the others back."""

    link: DelayedLink
    up: bool = False
    holds: list[bool] = field(default_factory=list)
    on_up: Callable[[], None] = lambda: None

    def made(self, on_up: Callable[[], None]) -> FreshPath:
        self.on_up = on_up
        return self

    def send(self, datagram: bytes) -> bool:
        return self.up and self.link.send(datagram)

    def send_all(self, datagrams: Sequence[bytes]) -> int:
        return sum(map(self.send, datagrams))

    def hold(self) -> None:
        self.holds.append(True)

    def release(self) -> None:
        if self.holds and self.holds[-1]:
            self.holds.append(False)

    def come_up(self) -> None:
        self.up = True
        self.on_up()


@dataclass
class Restarting:
    """A pair whose client offers new keys on another path, and the two ends of that."""

    pair: Pair
    there: Fresh
    back: Fresh

    @classmethod
    async def begun(
        cls,
        *,
        answer: DtlsRole = CLIENT,
        handshake_timeout: float = 30.0,
        peer_may_keep: bool = False,
    ) -> Restarting:
        """Offered and answered, with no check on the new path so far."""
        pair = await Pair.connected(
            DelayedLink(delay=0.05),
            DelayedLink(delay=0.05, seed=1),
            handshake_timeout=handshake_timeout,
        )
        there, back = Fresh(DelayedLink(delay=0.01)), Fresh(DelayedLink(delay=0.01))
        there.link.receive = pair.server.secure.receive
        back.link.receive = pair.client.secure.receive
        client, server = pair.ends
        fingerprints = client.fingerprints, server.fingerprints
        other = SERVER if answer is CLIENT else CLIENT
        client.secure.listen(1, client.certificate, fresh_path=there.made)
        for end, role, theirs, path in (
            (server, answer, fingerprints[0], back),
            (client, other, fingerprints[1], there),
        ):
            end.secure.connect(
                1,
                end.certificate,
                role,
                theirs,
                peer_may_keep=peer_may_keep,
                fresh_path=path.made,
            )
        return cls(pair, there, back)


@pytest.mark.conformance("6.8-rekey")
@pytest.mark.parametrize("answer", [CLIENT, SERVER])
@in_virtual_time
async def test_handshake_waits_for_the_path_of_the_restart_and_uses_no_other(
    answer: DtlsRole,
) -> None:
    scene = await Restarting.begun(answer=answer)
    flows = await start_flows(scene.pair)
    await asyncio.sleep(5)
    assert changes(scene.pair.client) == changes(scene.pair.server) == []
    assert scene.there.holds == scene.back.holds == [True]

    scene.there.come_up()
    scene.back.come_up()
    await scene.pair.rekeyed(1)
    assert scene.there.holds == scene.back.holds == [True, False]
    before = len(scene.pair.there.wire), len(scene.pair.back.wire)
    await asyncio.sleep(1)
    # Everything follows, as the new association takes the place of the old one.
    assert (len(scene.pair.there.wire), len(scene.pair.back.wire)) == before
    await assert_all_arrived(*flows)


@in_virtual_time
async def test_path_that_is_up_at_one_end_alone_begins_no_handshake_at_the_other() -> None:
    scene = await Restarting.begun()
    # The server of the next association: it answers nobody before the path is up here as well.
    scene.there.come_up()
    await asyncio.sleep(100)
    assert changes(scene.pair.client) == ["rekey failed"]
    assert scene.there.holds == [True, False]
    assert scene.pair.client.secure.verified


@in_virtual_time
async def test_restart_that_finds_no_path_leaves_the_old_keys_in_place() -> None:
    scene = await Restarting.begun()
    flows = await start_flows(scene.pair)
    await asyncio.sleep(29)
    assert changes(scene.pair.client) == changes(scene.pair.server) == []
    await asyncio.sleep(2)
    failed = ("rekey failed", 1, "its ICE restart found no path within 30 s")
    assert scene.pair.client.events.changes == scene.pair.server.events.changes == [failed]
    assert scene.there.holds == scene.back.holds == [True, False]
    await assert_all_arrived(*flows)


@in_virtual_time
async def test_peer_that_may_keep_its_association_has_its_time_from_when_the_path_is_up() -> None:
    scene = await Restarting.begun(peer_may_keep=True)
    scene.back.link.keeps = lambda _: False
    await asyncio.sleep(20)
    scene.there.come_up()
    await asyncio.sleep(2.9)
    assert changes(scene.pair.client) == []
    await asyncio.sleep(0.2)
    failed = ("rekey failed", 1, "the peer kept its association")
    assert scene.pair.client.events.changes == [failed]


@in_virtual_time
async def test_answer_without_a_restart_begins_on_the_path_in_use() -> None:
    scene = await Restarting.begun()
    client, server = scene.pair.ends
    for end, other, role in ((client, server, SERVER), (server, client, CLIENT)):
        end.secure.connect(1, end.certificate, role, other.fingerprints)
    assert scene.there.holds == scene.back.holds == [True, False]
    for path, link in ((scene.there, scene.pair.there), (scene.back, scene.pair.back)):
        # As `GenerationPath` does where the generation is given up.
        path.link, path.up = link, True
    for end in (client, server):
        end.ice()
    await scene.pair.rekeyed(1)


@in_virtual_time
async def test_handshake_that_fails_lets_all_packets_follow_to_the_new_path() -> None:
    scene = await Restarting.begun(handshake_timeout=2.0)
    scene.there.link.keeps = scene.back.link.keeps = lambda _: False
    scene.there.come_up()
    scene.back.come_up()
    await asyncio.sleep(10)
    assert changes(scene.pair.client) == changes(scene.pair.server) == ["rekey failed"]
    assert scene.there.holds == scene.back.holds == [True, False]


@in_virtual_time
async def test_transport_that_closes_lets_go_of_the_path_before() -> None:
    scene = await Restarting.begun()
    await scene.pair.client.secure.close()
    assert scene.there.holds == [True, False]


@in_virtual_time
async def test_association_that_the_descriptions_left_lets_go_of_the_path_before() -> None:
    scene = await Restarting.begun()
    scene.pair.client.secure.drop(1)
    assert scene.there.holds == [True, False]
