from __future__ import annotations

import logging

import pytest
from aioice import stun

from peer.ice import CandidateFields
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.states import DtlsRole, DtlsTransportState, IceTransportState
from peer.times import UnixTime
from peer.tracing.events import (
    Datagram,
    DatagramDropped,
    DatagramKind,
    Direction,
    FingerprintChecked,
    PathSelected,
    StateChanged,
    TraceEvent,
)
from peer.tracing.tracer import Tracer
from peer.transport.tap import Drop, Tap
from peer.transport.wire.dtls_records import ContentType
from tests.support.captures.unified import unified
from tests.support.clock.clock import Clock
from tests.support.links.secure import connect, joined, rtcp, rtp

US, PEER = ("192.0.2.1", 4000), ("2001:db8::2", 5000)
DATA = bytes([ContentType.APPLICATION_DATA, 0xFE, 0xFD]) + bytes(9) + b"\1x"
PAYLOADS = {
    DatagramKind.SRTP: rtp(1),
    DatagramKind.SRTCP: rtcp(),
    DatagramKind.DTLS: DATA,
}


class Scene:
    """A tap, with what it said."""

    def __init__(self, *, wants_data: bool = False) -> None:
        self.events: list[TraceEvent] = []
        self.wants_data = wants_data
        self.tap = Tap("0", Tracer("pc-1", self, clock=Clock(9.0)))

    def __call__(self, event: TraceEvent) -> None:
        self.events.append(event)

    @property
    def datagrams(self) -> list[tuple[str, str]]:
        """Kind and detail of those that were told."""
        return [(e.kind, e.detail) for e in self.events if isinstance(e, Datagram)]

    def complete_handshake(self) -> None:
        self.tap.handshake_completed(
            role=DtlsRole.CLIENT, version="DTLSv1.2", cipher="a cipher", srtp_profile=None
        )


@pytest.fixture
def scene() -> Scene:
    return Scene()


def message_of(message_class: stun.Class) -> stun.Message:
    # Always the same one, as tests are named after what it is in.
    transaction = bytes(12)
    return stun.Message(stun.Method.BINDING, message_class, transaction)


def check(*, nominates: bool = False) -> stun.Message:
    message = message_of(stun.Class.REQUEST)
    message.attributes["ICE-CONTROLLING"] = 7
    if nominates:
        message.attributes["USE-CANDIDATE"] = None
    return message


def test_traced_datagram_has_addresses_and_time(scene: Scene) -> None:
    scene.tap.arrived(rtp(1), local=US, remote=PEER, source_validated=True)
    assert scene.events == [
        Datagram(
            time=UnixTime(9.0),
            transport="0",
            direction=Direction.IN,
            kind=DatagramKind.SRTP,
            size=len(rtp(1)),
            local="192.0.2.1:4000",
            remote="[2001:db8::2]:5000",
        )
    ]


@pytest.mark.parametrize("kind", PAYLOADS)
def test_payload_is_traced_once_per_direction_and_keys(scene: Scene, kind: DatagramKind) -> None:
    def flow() -> None:
        for _ in range(3):
            scene.tap.arrived(PAYLOADS[kind], local=US, remote=PEER, source_validated=True)
            scene.tap.sent(PAYLOADS[kind], local=US, remote=PEER)

    flow()
    assert [told for told, _ in scene.datagrams] == [kind, kind]
    scene.complete_handshake()
    flow()
    assert [told for told, _ in scene.datagrams] == [kind] * 4


def test_tap_that_moves_to_another_connection_tells_it_what_the_former_has_heard(
    scene: Scene,
) -> None:
    fork = Scene()
    for _ in range(2):
        scene.tap.arrived(rtp(1), local=US, remote=PEER, source_validated=True)
        scene.tap.arrived(rtp(1), local=US, remote=PEER, source_validated=False)
    scene.tap.move(fork.tap)
    for _ in range(2):
        scene.tap.arrived(rtp(1), local=US, remote=PEER, source_validated=True)
        scene.tap.arrived(rtp(1), local=US, remote=PEER, source_validated=False)
    for told in (scene, fork):
        assert [type(event) for event in told.events] == [Datagram, DatagramDropped]


def test_sink_that_wants_data_gets_every_datagram() -> None:
    scene = Scene(wants_data=True)
    for sequence in range(2):
        scene.tap.sent(rtp(sequence), local=US, remote=PEER)
    told = [event for event in scene.events if isinstance(event, Datagram)]
    assert [(event.data, event.repeated) for event in told] == [(rtp(0), False), (rtp(1), True)]


@pytest.mark.parametrize(
    ("datagram", "times"),
    [
        (unified(epoch=3), 1),
        (unified(epoch=4), 1),
        (unified(epoch=3, connection_id=b"id"), 1),
        (unified(epoch=2), 3),
    ],
)
def test_dtls_1_3_handshake_is_traced_again_and_payload_is_not(
    scene: Scene, datagram: bytes, times: int
) -> None:
    for _ in range(3):
        scene.tap.sent(datagram, local=US, remote=PEER)
    assert len(scene.datagrams) == times


def test_handshake_is_traced_to_its_last_retransmission(scene: Scene) -> None:
    hello = bytes([22, 0xFE, 0xFD]) + bytes(9) + b"\x0c" + b"\1" + bytes(11)
    for _ in range(2):
        scene.tap.sent(hello, local=US, remote=PEER)
    assert scene.datagrams == [(DatagramKind.DTLS, "ClientHello")] * 2


@pytest.mark.parametrize(
    ("message", "kind", "detail"),
    [
        (check(), DatagramKind.STUN_REQUEST, "ICE-CONTROLLING"),
        (check(nominates=True), DatagramKind.STUN_REQUEST, "ICE-CONTROLLING, USE-CANDIDATE"),
        (message_of(stun.Class.RESPONSE), DatagramKind.STUN_RESPONSE, ""),
        (message_of(stun.Class.ERROR), DatagramKind.STUN_ERROR, ""),
    ],
)
def test_traced_stun_message_has_its_detail(
    scene: Scene, message: stun.Message, kind: DatagramKind, detail: str
) -> None:
    scene.tap.sent_stun(message, local=US, remote=PEER)
    scene.tap.arrived(bytes(message), local=US, remote=PEER, source_validated=False)
    assert scene.datagrams == [(kind, detail)] * 2


def test_traced_stun_error_has_its_code(scene: Scene) -> None:
    message = message_of(stun.Class.ERROR)
    message.attributes["ERROR-CODE"] = (487, "Role Conflict")
    scene.tap.sent_stun(message, local=US, remote=PEER)
    assert scene.datagrams == [(DatagramKind.STUN_ERROR, "487 Role Conflict")]


def test_stun_indication_is_not_traced(scene: Scene) -> None:
    scene.tap.arrived(
        bytes(message_of(stun.Class.INDICATION)), local=US, remote=PEER, source_validated=True
    )
    assert scene.events == []


@pytest.mark.parametrize(
    ("datagram", "kind", "drop"),
    [
        (rtp(1), DatagramKind.SRTP, Drop.UNVALIDATED_SOURCE),
        (DATA, DatagramKind.DTLS, Drop.UNVALIDATED_SOURCE),
        (b"\xff", DatagramKind.UNKNOWN, Drop.UNVALIDATED_SOURCE),
        (bytes(20), DatagramKind.UNKNOWN, Drop.MALFORMED),
        (bytes(message_of(stun.Class.ERROR))[:-1], DatagramKind.UNKNOWN, Drop.MALFORMED),
        # RFC 3489, which has no magic cookie.
        (b"\0\1\0\0" + bytes(16), DatagramKind.UNKNOWN, Drop.MALFORMED),
    ],
)
def test_first_drop_of_each_kind_is_traced(
    scene: Scene, datagram: bytes, kind: DatagramKind, drop: Drop
) -> None:
    for _ in range(3):
        scene.tap.arrived(datagram, local=US, remote=PEER, source_validated=False)
    reason, section = drop.value
    assert scene.events == [
        DatagramDropped(
            time=UnixTime(9.0),
            transport="0",
            kind=kind,
            reason=reason,
            size=len(datagram),
            remote="[2001:db8::2]:5000",
            section=section,
        )
    ]


def test_drop_for_another_reason_is_traced_again(scene: Scene) -> None:
    scene.tap.dropped(Drop.UNEXPECTED, rtp(1))
    scene.tap.dropped(Drop.UNAUTHENTIC, rtp(1))
    assert len(scene.events) == 2


async def test_datagram_that_no_association_takes_is_traced(scene: Scene) -> None:
    client, server = joined(tap=scene.tap)
    await connect(client, server)
    server.secure.receive(b"\xff")
    server.secure.receive(rtp(1))
    dropped = [event for event in scene.events if isinstance(event, DatagramDropped)]
    assert [(event.reason, event.remote) for event in dropped] == [
        (Drop.UNEXPECTED.value[0], ""),
        (Drop.UNAUTHENTIC.value[0], ""),
    ]


def test_changed_path_is_traced(scene: Scene) -> None:
    def candidate(port: int) -> CandidateFields:
        return CandidateFields("1", 1, "udp", 1, "192.0.2.1", port, "host")

    scene.tap.path(None)
    for port in (1, 1, 2):
        scene.tap.path((candidate(1), candidate(port)))
    told = [event.remote for event in scene.events if isinstance(event, PathSelected)]
    assert told == ["192.0.2.1:1", "192.0.2.1:2"]


def test_traced_fingerprint_check_has_expected_and_shown(scene: Scene) -> None:
    ours, theirs = (
        Fingerprint.of_certificate(der, HashFunction.SHA256) for der in (b"ours", b"theirs")
    )
    scene.tap.fingerprint_checked([ours], theirs, matches=False)
    assert scene.events == [
        FingerprintChecked(
            time=UnixTime(9.0),
            transport="0",
            expected=(str(ours),),
            shown=str(theirs),
            matches=False,
        )
    ]


@pytest.mark.parametrize(
    ("state", "machine"),
    [(IceTransportState.CHECKING, "iceState"), (DtlsTransportState.CONNECTING, "dtlsState")],
)
def test_traced_state_names_its_machine(
    scene: Scene, state: IceTransportState | DtlsTransportState, machine: str
) -> None:
    scene.tap.state(state)
    assert scene.events == [
        StateChanged(time=UnixTime(9.0), transport="0", machine=machine, state=state.value)
    ]


def test_tap_makes_no_event_where_nobody_listens(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="peer")

    def clock() -> UnixTime:
        raise AssertionError("an event was made")

    tap = Tap("0", Tracer("pc-1", clock=clock))
    tap.state(IceTransportState.CHECKING)
    tap.handshake_completed(
        role=DtlsRole.CLIENT, version="DTLSv1.2", cipher="a cipher", srtp_profile=None
    )
    tap.keys_switched(Direction.OUT, 1)
    tap.association_retired(0, "its keys are old")
    assert not caplog.records


def test_fingerprint_mismatch_is_logged_as_warning_without_a_trace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, logger="peer")
    ours, theirs = (
        Fingerprint.of_certificate(der, HashFunction.SHA256) for der in (b"ours", b"theirs")
    )
    tap = Tap("0", Tracer("pc-1"))
    tap.fingerprint_checked([ours], ours, matches=True)
    tap.fingerprint_checked([ours], theirs, matches=False)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
