"""The log: which logger and level an event has, and that no secret is in a record."""

from __future__ import annotations

import logging
from typing import get_args

import pytest

from peer.printable import without_secrets
from peer.states import DtlsRole
from peer.times import UnixTime
from peer.tracing.events import (
    AssociationDecided,
    CandidateKnown,
    Datagram,
    DatagramKind,
    Described,
    DescriptionRefused,
    Direction,
    Failed,
    FingerprintChecked,
    ForkNoted,
    ForkStep,
    HandshakeCompleted,
    MediaUnencrypted,
    RekeyEnded,
    RoleChosen,
    SendingWithheld,
    StateChanged,
    TraceEvent,
    Verdict,
)
from peer.tracing.log import _CHANNELS, LogSink
from peer.tracing.tracer import is_logged

SDP = (
    "v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:verysecretpassword123456\r\n"
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0\r\na=setup:actpass\r\n"
)


def records(caplog: pytest.LogCaptureFixture, *events: TraceEvent) -> list[str]:
    caplog.set_level(logging.DEBUG, logger="peer")
    sink = LogSink("pc-7")
    for event in events:
        sink(event)
    return [f"{r.levelname} {r.name} {r.getMessage()}" for r in caplog.records]


def test_every_event_has_a_logger_and_a_level() -> None:
    assert set(_CHANNELS) == set(get_args(TraceEvent))


def test_record_names_connection_transport_and_section(caplog: pytest.LogCaptureFixture) -> None:
    assert records(
        caplog,
        StateChanged(time=UnixTime(1.0), machine="connectionState", state="connected"),
        StateChanged(time=UnixTime(1.0), transport="0", machine="iceState", state="checking"),
        RoleChosen(
            time=UnixTime(1.0),
            transport="0",
            role=DtlsRole.CLIENT,
            offered="actpass",
            answered="active",
            section="RFC 5763 section 5",
        ),
        RekeyEnded(
            time=UnixTime(1.0), changed=False, reason="why", started_by="local", duration=0.25
        ),
    ) == [
        "INFO peer.connection [pc-7] connectionState is connected",
        "INFO peer.transport.ice [pc-7] transport 0: iceState is checking",
        "INFO peer.negotiation [pc-7] transport 0: DTLS role client: setup actpass offered, "
        "active answered (RFC 5763 section 5)",
        "INFO peer.rekey [pc-7] not rekeyed after 0.250 s on the path in use, begun by the local "
        "end: why (RFC 5763 section 6.8)",
    ]


def test_record_carries_its_event_for_structured_logs(caplog: pytest.LogCaptureFixture) -> None:
    event = Failed(time=UnixTime(1.0), transport="0", sentence="no answer to any check")
    assert records(caplog, event) == [
        "WARNING peer.connection [pc-7] transport 0: failed: no answer to any check"
    ]
    (record,) = caplog.records
    assert (record.__dict__["connection"], record.__dict__["trace_event"]) == ("pc-7", event)


def test_description_is_logged_at_debug_without_its_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    (record,) = records(
        caplog, Described(time=UnixTime(1.0), direction=Direction.OUT, type="offer", sdp=SDP)
    )
    assert record.startswith("DEBUG peer.negotiation [pc-7] our offer is in force:\n    v=0\n")
    assert "a=setup:actpass" in record
    assert "verysecret" not in record
    assert "c2VjcmV0" not in record
    assert without_secrets("a=ice-pwd:x\r\nb") == "a=ice-pwd:...\r\nb"


def test_track_that_is_not_sent_is_a_warning_that_names_the_codecs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert records(
        caplog, SendingWithheld(time=UnixTime(1.0), mid="v", codecs=("VP9", "H265"))
    ) == [
        "WARNING peer.negotiation [pc-7] m-section 'v': our track is not sent, nothing here "
        "encodes VP9 or H265"
    ]


def test_plain_media_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    event = MediaUnencrypted(time=UnixTime(1.0), transport="0", reason="the peer has no keys")
    assert records(caplog, event) == [
        "WARNING peer.connection [pc-7] transport 0: media is NOT ENCRYPTED: the peer has no keys "
        "(RFC 8643 section 3.3)"
    ]


@pytest.mark.parametrize(
    ("step", "fork", "words"),
    [
        (ForkStep.MADE, "pc-7/2", "an answer makes the fork pc-7/2: 2 open"),
        (ForkStep.CLOSED, "pc-7/2", "the fork pc-7/2 is closed: 2 open"),
        (ForkStep.FULL, "", "a peer that has not answered is not served: 2 forks are open"),
    ],
)
def test_forks_are_told_of_by_name_and_number(
    caplog: pytest.LogCaptureFixture, step: ForkStep, fork: str, words: str
) -> None:
    assert records(caplog, ForkNoted(time=UnixTime(1.0), step=step, fork=fork, open=2)) == [
        f"INFO peer.negotiation [pc-7] {words} (RFC 5763 section 6.3)"
    ]


def test_peer_cannot_forge_a_record(caplog: pytest.LogCaptureFixture) -> None:
    (record,) = records(
        caplog,
        DescriptionRefused(
            time=UnixTime(1.0),
            direction=Direction.IN,
            type="offer",
            reason="bad: \x1b[2J\r[pc-1] fine",
        ),
    )
    assert "\x1b" not in record
    assert "\r" not in record


def test_refusal_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    assert not records(
        caplog,
        AssociationDecided(
            time=UnixTime(1.0), verdict=Verdict.REFUSED, reason="no", section="RFC 8122"
        ),
    )


def test_media_packets_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    kinds = [kind for kind in DatagramKind if kind is not DatagramKind.DTLS]
    packets = [
        Datagram(time=UnixTime(1.0), direction=Direction.IN, kind=kind, size=9) for kind in kinds
    ]
    again = Datagram(
        time=UnixTime(1.0), direction=Direction.IN, kind=DatagramKind.DTLS, size=9, repeated=True
    )
    assert not records(caplog, *packets, again)


def test_handshake_messages_are_logged_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    event = Datagram(
        time=UnixTime(1.0),
        direction=Direction.OUT,
        kind=DatagramKind.DTLS,
        size=173,
        detail="ClientHello",
    )
    assert records(caplog, event) == [
        "DEBUG peer.transport.dtls [pc-7] sends ClientHello (173 bytes)"
    ]


def test_mismatch_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    good, bad = records(
        caplog,
        FingerprintChecked(
            time=UnixTime(1.0), expected=("sha-256 AA",), shown="sha-256 AA", matches=True
        ),
        FingerprintChecked(
            time=UnixTime(1.0), expected=("sha-256 AA",), shown="sha-256 BB", matches=False
        ),
    )
    assert good.startswith("INFO peer.transport.dtls [pc-7] certificate of association 1 matches")
    assert bad == (
        "WARNING peer.transport.dtls [pc-7] certificate sha-256 BB does not match the signalled "
        "sha-256 AA (RFC 8122 section 5)"
    )


def test_level_of_each_logger_decides(caplog: pytest.LogCaptureFixture) -> None:
    sink = LogSink("pc-7")
    caplog.set_level(logging.WARNING, logger="peer")
    assert not is_logged(logging.INFO)
    caplog.set_level(logging.DEBUG, logger="peer.transport.ice")
    assert is_logged(logging.DEBUG)
    sink(CandidateKnown(time=UnixTime(1.0), transport="0", direction=Direction.IN, candidate=""))
    sink(
        HandshakeCompleted(
            time=UnixTime(1.0),
            role=DtlsRole.CLIENT,
            version="DTLSv1.2",
            cipher=None,
            srtp_profile=None,
        )
    )
    assert [r.getMessage() for r in caplog.records] == [
        "[pc-7] transport 0: the peer's candidates are complete"
    ]


@pytest.mark.parametrize("name", ["peer", "peer.transport", "peer.transport.ice", "peer.rekey"])
def test_level_of_any_logger_of_peer_is_noticed(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="peer")
    assert not is_logged(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger=name)
    assert is_logged(logging.DEBUG)
