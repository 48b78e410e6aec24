"""`handfast doctor` beside a real coturn, real room servers, and NATs of the kernel."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from handfast.doctor.examination import Examination, examine
from handfast.doctor.findings import Finding, Severity, Subject
from handfast.web_server import WebServerOptions, listening, serving
from signaling.server import Refusal, TurnSecret, create_app
from tests.support.negotiation.connections import within
from tests.support.network.asgi import serve
from tests.support.network.certificate import write_certificate
from tests.support.network.netns import Nat, internet
from tests.support.network.turn import turn_daemon

if TYPE_CHECKING:
    from pathlib import Path

    from peer import IceServer
    from signaling.server import JoinRequest
    from tests.support.network.netns import Namespace

#: Enough for a machine that is three times overloaded.
_PATIENCE = 60.0
_SECOND_ADDRESS = "198.51.100.2"


async def _findings(
    *servers: IceServer, room_url: str | None = None, room_servers: bool = False
) -> list[Finding]:
    options = Examination(
        ice_servers=servers, room_url=room_url, room_servers=room_servers, timeout=_PATIENCE
    )
    findings: list[Finding] = await within(examine(options))
    return findings


def _about(findings: list[Finding], *subjects: Subject) -> list[tuple[Severity, str]]:
    return [(each.severity, each.sentence) for each in findings if each.subject in subjects]


@pytest.mark.needs("turnserver")
async def test_relays_of_a_turn_server_are_asked_for_by_udp_tcp_and_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = write_certificate(tmp_path, days=30.5)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with turn_daemon(tmp_path, f"--cert={certificate}", f"--pkey={key}") as turn:
        findings = await _findings(turn.turn(), turn.turn("turns"))
        turn_url, turns_url = turn.turn().urls[0], turn.turn("turns").urls[0]

    relays = [sentence for _, sentence in _about(findings, Subject.TURN)]
    assert [each.rpartition(" gives the relay 127.0.0.1:")[0] for each in relays] == [
        f"{turn_url} by UDP",
        f"{turn_url} by TCP",
        f"{turns_url} by TLS",
    ]
    assert _about(findings, Subject.CERTIFICATE) == [
        (
            Severity.OK,
            f"The certificate of 127.0.0.1:{turn.tls_port} is trusted, and runs out in 30 days.",
        )
    ]


@pytest.mark.needs("turnserver")
async def test_refusals_of_a_turn_server_are_named_by_their_code(tmp_path: Path) -> None:
    async with turn_daemon(tmp_path, "--no-tls", "--user-quota=1") as turn:
        wrong = await _findings(turn.turn(credential="hush"))
        both = await _findings(turn.turn(query="?transport=udp"), turn.turn(query="?transport=tcp"))

    (refused,) = [each for each in wrong if each.severity is Severity.FAILURE]
    assert refused.sentence == f"{turn.turn().urls[0]} by UDP gives no relay: 401 Unauthorized."
    assert "hush" not in str(wrong)
    over_quota = [
        sentence
        for severity, sentence in _about(both, Subject.TURN)
        if severity is Severity.FAILURE
    ]
    assert len(over_quota) == 1
    assert "486" in over_quota[0]


@pytest.mark.needs("turnserver")
async def test_a_turn_server_whose_certificate_nobody_trusts_is_told_once(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    async with turn_daemon(tmp_path, f"--cert={certificate}", f"--pkey={key}") as turn:
        findings = await _findings(turn.turn("turns"))

    ((severity, sentence),) = [
        each
        for each in _about(findings, Subject.TURN, Subject.CERTIFICATE)
        if each[0] is not Severity.OK
    ]
    assert severity is Severity.FAILURE
    assert sentence.startswith(f"The certificate of 127.0.0.1:{turn.tls_port} is refused: self")


@pytest.mark.needs("turnserver")
async def test_servers_that_a_room_names_are_asked_where_that_is_wanted(tmp_path: Path) -> None:
    options = ("--no-tls", "--use-auth-secret", "--static-auth-secret=north")
    async with turn_daemon(tmp_path, *options) as turn:
        url = f"turn:{turn.host}:{turn.port}?transport=udp"
        app = create_app(ice_servers=(TurnSecret(urls=url, secret="north"),))
        async with serve(app) as server:
            named = await _findings(room_url=f"{server}/ws")
            asked = await _findings(room_url=f"{server}/ws", room_servers=True)

    assert (
        Severity.OK,
        f"It lets members in without a token, and names to members {url}.",
    ) in _about(named, Subject.ROOM)
    assert not any("gives the relay" in each.sentence for each in named)
    assert any(f"{url} by UDP gives the relay" in each.sentence for each in asked)


async def test_a_room_server_over_tls_is_looked_at_as_a_page_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = write_certificate(tmp_path, days=3.5)
    options = WebServerOptions(port=0, certfile=certificate, keyfile=key)
    with listening(options) as where:
        url = f"wss://127.0.0.1:{where.port}/ws"
        async with serving(create_app(), where, options):
            untrusted = await _findings(room_url=url)
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            trusted = await _findings(room_url=url)

    ((severity, sentence),) = _about(untrusted, Subject.ROOM, Subject.CERTIFICATE)
    assert severity is Severity.FAILURE
    assert sentence.startswith(f"The certificate of 127.0.0.1:{where.port} is refused: self")
    assert _about(trusted, Subject.ROOM, Subject.CERTIFICATE, Subject.CLOCK) == [
        (Severity.OK, f"{url} is reached."),
        (
            Severity.WARNING,
            f"The certificate of 127.0.0.1:{where.port} is trusted, and runs out in 3 days.",
        ),
        (Severity.OK, "The clock of this machine agrees with that of the room server."),
        (Severity.OK, "It lets members in without a token, and names no ICE server."),
    ]


async def test_a_room_server_that_does_not_know_its_name_is_looked_at_as_a_program_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    look_up = loop.getaddrinfo

    async def resolve(host: str, *arguments: Any, **options: Any) -> Any:
        return await look_up("127.0.0.1" if host == "rooms.test" else host, *arguments, **options)

    monkeypatch.setattr(loop, "getaddrinfo", resolve)
    async with serve(create_app()) as server:
        url = f"{server.replace('127.0.0.1', 'rooms.test')}/ws"
        findings = await _findings(room_url=url)

    unprotected, reached, member, pages = [
        each for each in findings if each.subject is Subject.ROOM
    ]
    assert unprotected.severity is pages.severity is Severity.WARNING
    assert "may not join rooms of that server: HTTP 403" in pages.sentence
    assert pages.remedy == "Start it with --allow-host rooms.test."
    assert reached.severity is member.severity is Severity.OK


async def test_a_room_server_that_wants_a_token_is_in_order() -> None:
    async def nobody(_: JoinRequest) -> Refusal:
        return Refusal("show a token")

    async with serve(create_app(authorize=nobody)) as server:
        findings = await _findings(room_url=f"{server}/ws")

    sentence = "Its rooms want more than a name, a token for example: show a token."
    assert (Severity.NOTE, sentence) in _about(findings, Subject.ROOM)
    assert Severity.FAILURE not in {each.severity for each in findings}


async def test_what_is_no_room_server_is_said_to_be_none() -> None:
    app = Starlette(routes=[Route("/ws", lambda _: PlainTextResponse("hello"))])
    async with serve(app) as server:
        findings = await _findings(room_url=f"{server}/ws")

    ((severity, sentence),) = _about(findings, Subject.ROOM)
    assert severity is Severity.FAILURE
    assert f"{server}/ws answers with HTTP 403 instead of a WebSocket" in sentence


_AUDITED = """
import ipaddress, sys
asked = []
def hook(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        asked.append(arguments[1:])
    if event == "socket.getaddrinfo":
        try:
            # An address is looked up without asking anybody.
            ipaddress.ip_address(arguments[0])
        except ValueError:
            asked.append(arguments)
sys.addaudithook(hook)
sys.argv = ["handfast", "doctor"]
from handfast.__main__ import main
try:
    main()
except SystemExit as end:
    print("status", end.code)
print("asked", asked)
"""


async def test_nothing_is_sent_to_anybody_where_no_server_is_named() -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _AUDITED, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await within(program.communicate())

    lines = out.decode().splitlines()
    assert lines[-2] == "status 0"
    assert lines[-1] == "asked []"


@pytest.mark.needs("ip", "nft", "turnserver")
@pytest.mark.xdist_group("nat")
async def test_mapping_behaviour_of_a_nat_shows_by_a_server_with_two_addresses(
    tmp_path: Path,
) -> None:
    with internet(left=Nat.RESTRICTED, right=Nat.SYMMETRIC) as net:
        add = net.server.command("ip", "address", "add", f"{_SECOND_ADDRESS}/32", "dev", "lo")
        adding = await asyncio.create_subprocess_exec(*add)
        assert await within(adding.wait()) == 0
        options = ("--no-tls", f"--listening-ip={_SECOND_ADDRESS}")
        async with turn_daemon(tmp_path, *options, place=net.server) as server:
            said = await within(
                asyncio.gather(
                    *(_doctor_at(site.home, server.stun_url) for site in (net.left, net.right))
                )
            )

    assert ["endpoint-independent" in each for each in said] == [True, False]
    assert "(address- and port-dependent mapping, RFC 4787)" in said[1]


async def _doctor_at(place: Namespace, stun_url: str) -> str:
    program = await asyncio.create_subprocess_exec(
        *place.command(sys.executable, "-m", "handfast", "doctor", "--json"),
        *("--ice-server", stun_url),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await program.communicate()
    findings = json.loads(out)["findings"]
    return " ".join(each["sentence"] for each in findings if each["subject"] == "nat")
