"""Path of an ICE restart, on which a DTLS association begins before all else follows."""

from __future__ import annotations

import pytest

from tests.support.clock.virtual_time import in_virtual_time
from tests.support.network.ice_generations import Scripted, parameters

OLD, NEW = b"\x80under the old keys", b"\x80under the new keys"


class Heard:
    """Counts how often a path has come up."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@in_virtual_time
async def test_new_association_has_the_path_of_the_restart_to_itself_while_it_holds() -> None:
    scene, heard = Scripted(), Heard()
    await scene.connected()
    following = await scene.restarting()
    path = scene.ice.path_of("bbbb", heard)
    path.hold()
    following.nominate()
    path.send(NEW)
    scene.ice.send(OLD)
    assert scene["a"].datagrams.sent == [OLD]
    assert following.datagrams.sent == [NEW]

    path.release()
    path.send(NEW)
    scene.ice.send(OLD)
    assert scene["a"].datagrams.sent == [OLD]
    assert following.datagrams.sent == [NEW, NEW, OLD]


@in_virtual_time
async def test_held_path_gives_way_where_it_breaks() -> None:
    scene, heard = Scripted(), Heard()
    await scene.connected()
    following = await scene.restarting()
    scene.ice.path_of("bbbb", heard).hold()
    following.nominate()
    assert scene.active == "a"
    scene["a"].fail()
    assert scene.active == "b"


@in_virtual_time
async def test_released_path_waits_for_its_nomination() -> None:
    scene, heard = Scripted(), Heard()
    await scene.connected()
    following = await scene.restarting()
    path = scene.ice.path_of("bbbb", heard)
    path.hold()
    following.connect()
    path.release()
    scene.ice.send(OLD)
    path.send(NEW)
    assert (scene["a"].datagrams.sent, following.datagrams.sent) == ([OLD], [NEW])
    following.nominate()
    assert scene.active == "b"


@in_virtual_time
async def test_path_of_a_restart_tells_once_that_it_is_up() -> None:
    scene, heard = Scripted(), Heard()
    await scene.connected()
    following = await scene.restarting()
    path = scene.ice.path_of("bbbb", heard)
    assert not path.up
    following.connect()
    assert (path.up, heard.count) == (True, 1)
    following.nominate()
    assert heard.count == 1


@in_virtual_time
async def test_path_of_a_restart_that_fails_is_the_path_in_use() -> None:
    scene, heard = Scripted(), Heard()
    await scene.connected()
    following = await scene.restarting()
    path = scene.ice.path_of("bbbb", heard)
    following.fail()
    assert (path.up, heard.count) == (True, 1)
    path.send(NEW)
    assert scene["a"].datagrams.sent == [NEW]


@in_virtual_time
async def test_path_of_a_restart_is_the_path_in_use_until_it_leads_somewhere() -> None:
    scene, heard = Scripted(), Heard()
    await scene.connected()
    await scene.ice.open(parameters("b"))
    path = scene.ice.path_of("bbbb", heard)
    path.send(NEW)
    # A check of the peer, before its answer.
    scene["b"].datagrams.is_reachable = True
    path.send(NEW)
    assert (scene["a"].datagrams.sent, scene["b"].datagrams.sent) == ([NEW], [NEW])


@in_virtual_time
async def test_path_of_a_restart_that_leads_nowhere_yet_takes_no_other_while_it_holds() -> None:
    scene, heard = Scripted(), Heard()
    await scene.connected()
    following = await scene.restarting()
    path = scene.ice.path_of("bbbb", heard)
    path.hold()
    assert not path.send(NEW)
    following.fail()
    assert path.send(NEW)
    assert scene["a"].datagrams.sent == [NEW]


@in_virtual_time
async def test_path_of_a_restart_follows_later_restarts() -> None:
    scene, heard = Scripted(), Heard()
    await scene.connected()
    following = await scene.restarting()
    path = scene.ice.path_of("bbbb", heard)
    following.nominate()
    (await scene.restarting("c")).nominate()
    path.send(NEW)
    assert scene["c"].datagrams.sent == [NEW]
    assert following.datagrams.sent == []


@pytest.mark.parametrize("connected", [True, False])
@in_virtual_time
async def test_path_of_an_unknown_restart_is_the_path_in_use(connected: bool) -> None:
    scene, heard = Scripted(), Heard()
    if connected:
        await scene.connected()
    path = scene.ice.path_of("zzzz", heard)
    assert (path.up, path.send(NEW)) == (connected, connected)
