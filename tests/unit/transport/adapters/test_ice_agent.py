"""Versions and private names of aiortc and aioice that the adapters depend on.

After an upgrade this fails first. Read what has changed around the name that is reported, adapt
peer/transport/adapters/*.py, and only then the table here.
"""

# ruff: noqa: SLF001 - private names are what is tested here

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import aioice
import aiortc
import pytest
from aioice import ice, mdns, stun, turn
from aioice.candidate import Candidate, candidate_foundation, candidate_priority

from peer.ice import IceParameters
from peer.transport.adapters.ice_agent import IceAgent
from peer.transport.adapters.ice_socket import IceSocket


@pytest.mark.parametrize(
    ("package", "known"), [("aiortc", "1.16."), ("aioice", "0.13."), ("pylibsrtp", "1.0.")]
)
def test_release_of_library_is_one_that_adapters_know(package: str, known: str) -> None:
    assert version(package).startswith(known)


ICE_CALLS: list[tuple[Callable[..., Any], str]] = [
    (ice.Connection._add_remote_candidate, "self, remote_candidate, network_host"),
    (ice.Connection._pair_remote_candidate, "self, remote_candidate"),
    (ice.Connection._check_list_maybe_fail, "self"),
    (ice.Connection.build_request, "self, pair, nominate"),
    (ice.Connection.check_complete, "self, pair"),
    (ice.Connection.check_incoming, "self, message, addr, protocol"),
    (ice.Connection.check_start, "self, pair"),
    (ice.Connection.check_start_task, "self, pair"),
    (ice.Connection.check_state, "self, pair, state"),
    (ice.Connection.close, "self"),
    (ice.Connection.connect, "self"),
    (ice.Connection.protocol_lost, "self, protocol"),
    (ice.Connection.request_received, "self, message, addr, protocol"),
    (ice.Connection.sort_check_list, "self"),
    (ice.Connection.switch_role, "self, ice_controlling"),
    (ice.StunProtocol.__init__, "self, receiver"),
    (ice.StunProtocol.close, "self"),
    (ice.StunProtocol.datagram_received, "self, data, addr"),
    (ice.StunProtocol.request, "self, request, addr, integrity_key, retransmissions"),
    (ice.StunProtocol.send_stun, "self, message, addr"),
    (ice.get_host_addresses, "use_ipv4, use_ipv6"),
    (candidate_foundation, "candidate_type, candidate_transport, base_address"),
    (candidate_priority, "candidate_component, candidate_type, local_pref"),
    (
        stun.Transaction.__init__,
        "self, request, addr, protocol, retransmissions, integrity_key, long_term_credential",
    ),
    (stun.Transaction.response_received, "self, message, addr"),
    (stun.Message.add_message_integrity, "self, key"),
    (stun.Message.check_message_integrity, "self, key"),
    (stun.parse_message, "data"),
    (
        turn.create_turn_endpoint,
        "protocol_factory, server_addr, username, password, lifetime, channel_refresh_time, ssl, "
        "transport",
    ),
    (mdns.create_mdns_protocol, ""),
    (mdns.MDnsProtocol.resolve, "self, hostname, timeout"),
    (aiortc.RTCIceTransport.start, "self, remoteParameters"),
    (aiortc.RTCIceTransport.stop, "self"),
]


@pytest.mark.parametrize(
    ("call", "parameters"), ICE_CALLS, ids=[call.__qualname__ for call, _ in ICE_CALLS]
)
def test_aioice_signatures_that_adapters_use_are_unchanged(
    call: Callable[..., Any], parameters: str
) -> None:
    assert ", ".join(inspect.signature(call).parameters) == parameters


CONNECTION_FIELDS = [
    "_check_list",
    "_check_list_done",
    "_check_list_state",
    "_closing",
    "_early_checks",
    "_early_checks_done",
    "_local_candidates",
    "_nominated",
    "_protocols",
    "_remote_candidates",
    "ice_controlling",
    "remote_password",
]


@pytest.mark.parametrize("name", CONNECTION_FIELDS)
async def test_aioice_connection_has_field(name: str) -> None:
    assert hasattr(aioice.Connection(ice_controlling=True), name)


async def test_aioice_bounds_early_checks() -> None:
    assert aioice.Connection(ice_controlling=True)._early_checks.maxlen == 100


async def test_ice_agent_fields_hide_none_of_aioice() -> None:
    """A field of ours that aioice starts to use under the same name would break both silently."""
    agent = IceAgent(
        IceParameters.generate(),
        relay_only=False,
        pacing=0.02,
        release_timeout=0.5,
        on_datagram=lambda _: None,
        on_path=lambda: None,
        on_other_path=lambda: None,
        on_check=lambda: None,
        accepts=lambda *_: True,
    )
    socket = IceSocket(agent)
    theirs = vars(aioice.Connection(ice_controlling=True)) | vars(ice.StunProtocol(agent))
    ours = (vars(agent).keys() | vars(socket).keys()) - theirs.keys()
    assert ours == {
        "_accepts",
        "answers_checks",
        "_congested",
        "_consent_checks",
        "_halted",
        "_mdns",
        "_on_other_path",
        "_on_check",
        "_on_path",
        "_relay_only",
        "_role_known",
        "_role_switches",
        "_sources",
        "_pair_is_due",
        "_started",
        "_tap",
        "_release_timeout",
        "_udp",
        "_unanswered",
        "with_dtls",
        "_on_early_peer",
        "_pacing",
        "peer_fragment",
        "_probes",
        "bytes_received",
        "checks_received",
        "checks_refused",
        "checks_sent",
        "unvalidated",
        "ignored_candidates",
        "malformed",
        "on_datagram",
        "on_relay_refusal",
        "on_request",
        "on_stranger",
        "oversized",
        "packets_received",
        "pair_counters",
        "path",
        "path_reason",
        "preference",
        "_share",
    }


@pytest.mark.parametrize(
    "name",
    ["_TurnTransport__close_task", "_TurnTransport__inner_protocol", "_TurnTransport__send_tasks"],
)
async def test_aioice_turn_transport_has_field(name: str) -> None:
    server = ("127.0.0.1", 3478)
    client = turn.TurnClientUdpProtocol(server, None, None, lifetime=600, channel_refresh_time=500)
    assert hasattr(turn.TurnTransport(client), name)


def test_aioice_candidate_keeps_network_host() -> None:
    candidate = Candidate("1", 1, "udp", 1, "192.0.2.1", 1, "host")
    assert candidate._network_host == "192.0.2.1"


async def test_aiortc_gatherer_passes_its_connection_to_transport() -> None:
    gatherer = aiortc.RTCIceGatherer(iceServers=[])
    connection = aioice.Connection(ice_controlling=True)
    gatherer._connection = connection
    assert aiortc.RTCIceTransport(gatherer)._connection is connection


async def test_aioice_candidate_pair_has_fields() -> None:
    connection = aioice.Connection(ice_controlling=True)
    protocol = ice.StunProtocol(connection)
    pair = ice.CandidatePair(protocol, Candidate("1", 1, "udp", 1, "192.0.2.1", 1, "host"))
    assert pair.remote_addr == ("192.0.2.1", 1)
    assert (pair.task, pair.nominated, pair.remote_nominated) == (None, False, False)
    assert pair.state is ice.CandidatePair.State.FROZEN
