"""What `handfast doctor` says of each thing that it has seen, and what to do about it."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError

import pytest
from rich.console import Console
from websockets.datastructures import Headers

from handfast.doctor.certificates import validity
from handfast.doctor.findings import Finding, Severity, Subject
from handfast.doctor.installation import check_codecs, check_openssl, check_versions
from handfast.doctor.network import nat_finding, stun_findings
from handfast.doctor.relays import relay_finding
from handfast.doctor.report import as_json, as_table, is_healthy
from handfast.doctor.rooms import clock_findings
from peer.transport.ice.nat_mapping import Sight
from peer.transport.ice.probing import SocketSights, StunProbe
from peer.transport.ice.servers import (
    ServerFailure,
    StunServer,
    TurnServer,
    TurnTransportProtocol,
)

LOCAL = ("10.0.0.2", 5000)
A, B = ("198.51.100.1", 3478), ("198.51.100.2", 3478)
X, Y = ("203.0.113.1", 40001), ("203.0.113.1", 40002)
STUN = StunServer("a", 3478, "stun:a")
TURN = TurnServer("turn.example", 3478, TurnTransportProtocol.UDP, "u", "hush", "turn:turn.example")
NOON = "Mon, 30 Nov 2026 12:00:00 GMT"
NOON_UNIX = 1796040000.0


@pytest.mark.parametrize(
    ("sights", "severity", "words"),
    [
        ([Sight(A, LOCAL)], Severity.OK, "no NAT on the way"),
        ([Sight(A, X), Sight(B, X)], Severity.OK, "endpoint-independent"),
        ([Sight(A, X), Sight(B, Y)], Severity.WARNING, "another public port for another peer"),
        ([Sight(A, X)], Severity.NOTE, "does not show"),
    ],
)
def test_behaviour_of_a_nat_is_told_as_far_as_it_shows(
    sights: list[Sight], severity: Severity, words: str
) -> None:
    finding = nat_finding(SocketSights(LOCAL, sights))
    assert finding.severity is severity
    assert words in finding.sentence
    assert bool(finding.remedy) is (severity is not Severity.OK)


def test_a_stun_server_that_does_not_answer_is_a_failure_beside_one_that_does() -> None:
    other = StunServer("b", 3478, "stun:b")
    probe = StunProbe(
        (SocketSights(LOCAL, [Sight(A, X)]),), (ServerFailure("stun:b", "no answer within 5 s"),)
    )
    failed, answered, nat = stun_findings([STUN, other], probe)
    assert failed.severity is Severity.FAILURE
    assert failed.sentence == "stun:b does not serve: no answer within 5 s."
    assert answered.sentence == (
        "stun:a answered by UDP: 10.0.0.2:5000 is seen as 203.0.113.1:40001."
    )
    assert nat.subject is Subject.NAT


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (401, "static-auth-secret"),
        (403, "no relay"),
        (486, "user-quota"),
        (508, "max-port"),
        (701, "firewall"),
        (599, "firewall"),
    ],
)
def test_an_error_of_turn_is_named_with_its_remedy(code: int, remedy: str) -> None:
    finding = relay_finding(TURN, ServerFailure(TURN.url, "Because", code=code))
    assert finding.severity is Severity.FAILURE
    assert "turn:turn.example by UDP gives no relay: " in finding.sentence
    assert ("Because" if code == 701 else f"{code} Because") in finding.sentence
    assert remedy in finding.remedy


@pytest.mark.parametrize(
    ("relayed", "reached_at", "severity"),
    [
        ("10.0.0.5", "8.8.8.8", Severity.FAILURE),
        ("127.0.0.1", "8.8.8.8", Severity.FAILURE),
        ("8.8.8.8", "8.8.8.8", Severity.OK),
        # All of it in one private network.
        ("10.0.0.5", "10.0.0.5", Severity.OK),
        ("2001:4860:4860::8888", "2001:4860:4860::8888", Severity.OK),
    ],
)
def test_a_relay_that_nobody_outside_reaches_is_a_failure(
    relayed: str, reached_at: str, severity: Severity
) -> None:
    finding = relay_finding(TURN, (relayed, 49152), reached_at=reached_at)
    assert finding.severity is severity
    assert ("external-ip=8.8.8.8" in finding.remedy) is (severity is Severity.FAILURE)


@pytest.mark.parametrize(
    ("days", "severity", "words"),
    [
        (90, Severity.OK, "in 90 days"),
        (14, Severity.OK, "in 14 days"),
        (13, Severity.WARNING, "in 13 days"),
        (1, Severity.WARNING, "in 1 day."),
    ],
)
def test_a_certificate_that_runs_out_soon_is_warned_of(
    days: int, severity: Severity, words: str
) -> None:
    finding = validity("a:443", 1000.0 + days * 86400, now=1000.0)
    assert finding.severity is severity
    assert words in finding.sentence


@pytest.mark.parametrize(
    ("off", "severity", "words"),
    [
        (0.0, Severity.OK, "agrees"),
        (-59.0, Severity.OK, "agrees"),
        (61.0, Severity.WARNING, "61 s ahead of"),
        (-3600.0, Severity.WARNING, "3600 s behind"),
    ],
)
def test_a_clock_that_is_off_by_more_than_a_minute_is_warned_of(
    off: float, severity: Severity, words: str
) -> None:
    (finding,) = clock_findings(Headers(Date=NOON), now=NOON_UNIX + off)
    assert finding.severity is severity
    assert words in finding.sentence


@pytest.mark.parametrize("headers", [Headers(), Headers(Date="soon"), Headers(Date="")])
def test_a_server_that_does_not_say_its_time_tells_nothing_of_clocks(headers: Headers) -> None:
    assert clock_findings(headers, now=0.0) == []


def test_a_version_out_of_what_is_supported_is_a_failure_with_the_command_that_mends_it() -> None:
    installed = {"aiortc": "1.17.0", "aioice": "0.13.2", "av": "14.0"}

    def version(name: str) -> str:
        if name not in installed:
            raise PackageNotFoundError(name)
        return installed[name]

    wrong, absent, right = check_versions(
        ["aiortc==1.16.*", "aioice==0.13.*", "av>=14", "pylibsrtp==1.0.*", "other>=1"], version
    )
    assert wrong.severity is absent.severity is Severity.FAILURE
    assert wrong.sentence == (
        "aiortc 1.17.0 is installed; this handfast works with aiortc ==1.16.*."
    )
    assert wrong.remedy == 'pip install "aiortc==1.16.*".'
    assert absent.sentence.startswith("pylibsrtp is not installed")
    assert right.sentence.endswith(": aioice 0.13.2, av 14.0.")


@pytest.mark.parametrize(
    ("dtls", "severity"),
    [
        ("OpenSSL 1.1.1w  11 Sep 2023", Severity.WARNING),
        ("OpenSSL 3.0.19 27 Jan 2026", Severity.OK),
        ("OpenSSL 4.0.3 29 Sep 2026", Severity.OK),
        ("LibreSSL 4.1.0", Severity.OK),
    ],
)
def test_an_openssl_out_of_support_is_warned_of(dtls: str, severity: Severity) -> None:
    (finding,) = check_openssl(dtls)
    assert finding.severity is severity
    assert dtls in finding.sentence


@pytest.mark.parametrize(
    ("missing", "severity"),
    [
        ((), Severity.OK),
        (("H264",), Severity.WARNING),
        (("VP8", "H264"), Severity.FAILURE),
        (("opus",), Severity.FAILURE),
    ],
)
def test_a_codec_that_every_browser_has_is_missed(
    missing: tuple[str, ...], severity: Severity
) -> None:
    (finding,) = check_codecs(
        lambda name: None if name in missing else "library", lambda _: "library"
    )
    assert finding.severity is severity
    assert all(f"encode {name}" in finding.sentence for name in missing)


_GOOD = Finding.ok(Subject.NAMES, "All well.")
_BAD = Finding.failure(Subject.TURN, "No relay.", remedy="Open the port.")
_ODD = Finding.warning(Subject.CLOCK, "Late.", remedy="Set it.")


def test_findings_as_json_have_their_four_fields_and_a_verdict() -> None:
    assert json.loads(as_json([_GOOD, _BAD])) == {
        "healthy": False,
        "findings": [
            {"subject": "names", "severity": "ok", "sentence": "All well.", "remedy": ""},
            {
                "subject": "turn",
                "severity": "failure",
                "sentence": "No relay.",
                "remedy": "Open the port.",
            },
        ],
    }


@pytest.mark.parametrize(
    ("findings", "healthy", "last"),
    [
        ([_GOOD], True, "Nothing is in the way."),
        ([_GOOD, _ODD], True, "1 warning."),
        ([_BAD, _BAD, _ODD], False, "2 failures, 1 warning."),
    ],
)
def test_last_line_of_the_report_counts_what_is_wrong(
    findings: list[Finding], healthy: bool, last: str
) -> None:
    console = Console(width=80, force_terminal=False)
    with console.capture() as said:
        console.print(as_table(findings))
    lines = said.get().splitlines()
    assert lines[-1] == last
    assert ("-> Set it." in said.get()) is (_ODD in findings)
    assert is_healthy(findings) is healthy
