"""RFC 5763 section 7.3: the flow of two computers behind different NATs, captured between them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support.captures.flows import basic_flow, flow_until_media
from tests.support.captures.packets import Address, Capture, capture
from tests.support.captures.wire import Captured, Side
from tests.support.clock.deadline import DEADLINE
from tests.support.network.nat_end import Report, nat_end
from tests.support.network.netns import Internet, Nat, internet, left_behind
from tests.support.network.turn import turn_daemon
from tests.support.project.tools import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.needs("ip", "nft", "turnserver"),
    # The calls are made once, and each takes two processes more.
    pytest.mark.xdist_group("nat"),
]


@dataclass(frozen=True, slots=True)
class Call:
    """A call whose ends have heard each other.

    Attributes:
        descriptions: The SDP that each end wrote.
        reports: What each end said of it.
        taken: What the public network saw at the offerer's router.
    """

    net: Internet
    descriptions: dict[Side, str]
    reports: dict[Side, Report]
    taken: Capture

    def public(self, side: Side) -> Address:
        """Where the other side sends to."""
        return self.reports[side.other].remote

    def log(self) -> list[Captured]:
        """What the routers sent each other on the pair that won, in order."""
        offerer, answerer = map(self.public, Side)
        return [
            Captured(Side.OFFERER if packet.source == offerer else Side.ANSWERER, 0, packet.data)
            for packet in self.taken.between([offerer], [answerer])
        ]


async def call(folder: Path, left: Nat, right: Nat) -> Call:
    """The offerer is at the left, the answerer at the right."""
    with internet(left, right) as net, capture(net.left.uplink, net.server) as taken:
        async with (
            turn_daemon(folder, place=net.server) as server,
            nat_end(Side.OFFERER, net.left.home, server) as offerer,
            nat_end(Side.ANSWERER, net.right.home, server) as answerer,
        ):
            offer = await offerer.read_line()
            await answerer.write_line(offer)
            answer = await answerer.read_line()
            await offerer.write_line(answer)
            reports = await asyncio.gather(offerer.report(), answerer.report())
        taken.read()
    descriptions = (offer["sdp"], answer["sdp"])
    return Call(
        net,
        dict(zip(Side, descriptions, strict=True)),
        dict(zip(Side, reports, strict=True)),
        taken,
    )


@pytest.fixture(scope="module")
def restricted(tmp_path_factory: pytest.TempPathFactory) -> Call:
    """Both NATs let in only what answers."""
    return asyncio.run(call(tmp_path_factory.mktemp("turn"), Nat.RESTRICTED, Nat.RESTRICTED))


@pytest.fixture(scope="module")
def symmetric(tmp_path_factory: pytest.TempPathFactory) -> Call:
    """The offerer's NAT shows another port to each peer."""
    return asyncio.run(call(tmp_path_factory.mktemp("turn"), Nat.SYMMETRIC, Nat.OPEN))


@pytest.mark.conformance("7.3-flow")
def test_the_handshake_follows_the_checks_on_the_pair_that_won(restricted: Call) -> None:
    assert restricted.reports[Side.ANSWERER].role == "client"
    assert flow_until_media(restricted.log()) == basic_flow(client=Side.ANSWERER)


@pytest.mark.conformance("7.3-flow")
def test_no_pair_but_the_one_that_won_sees_the_handshake(restricted: Call) -> None:
    offerer, answerer = map(restricted.public, Side)
    elsewhere = [
        packet
        for packet in restricted.taken.packets
        if {packet.source, packet.target} != {offerer, answerer}
    ]

    assert elsewhere
    assert [packet for packet in elsewhere if packet.data[0] > 3] == []


@pytest.mark.conformance("7.3-flow")
@pytest.mark.parametrize("side", Side)
def test_selected_candidate_is_the_reflexive_address_of_the_server(
    restricted: Call, side: Side
) -> None:
    site = restricted.net.left if side is Side.OFFERER else restricted.net.right
    host, port = restricted.public(side)

    assert host == site.address
    reflexive = f" {host} {port} typ srflx raddr {site.home.address} "
    assert reflexive in restricted.descriptions[side]
    assert restricted.reports[side.other].verified


@pytest.mark.conformance("7.3-flow")
def test_the_server_is_asked_before_any_check(restricted: Call) -> None:
    net, packets = restricted.net, restricted.taken.packets
    request = restricted.taken.between([net.left.address], [net.server.address])[0]
    check = restricted.taken.between([net.left.address], [net.right.address])[0]

    assert packets.index(request) < packets.index(check)


@pytest.mark.conformance("7.3-flow")
def test_a_symmetric_nat_is_passed_by_a_candidate_that_only_the_checks_reveal(
    symmetric: Call,
) -> None:
    host, port = symmetric.public(Side.OFFERER)

    assert symmetric.reports[Side.ANSWERER].remote_type == "prflx"
    assert host == symmetric.net.left.address
    assert f" {host} {port} " not in symmetric.descriptions[Side.OFFERER]
    assert flow_until_media(symmetric.log()) == basic_flow(client=Side.ANSWERER)


def test_a_network_leaves_nothing_behind_when_its_user_fails() -> None:
    def fail() -> None:
        with internet(Nat.OPEN, Nat.OPEN):
            assert len(left_behind(os.getpid())) == 5
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert left_behind(os.getpid()) == []


def test_the_next_network_removes_what_a_killed_process_left() -> None:
    script = """
import os, signal
from tests.support.network.netns import Nat, internet
with internet(Nat.OPEN, Nat.OPEN):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT) as killed:
        assert killed.wait(DEADLINE) == -signal.SIGKILL
    assert len(left_behind(killed.pid)) == 5

    with internet(Nat.OPEN, Nat.OPEN):
        assert left_behind(killed.pid) == []
