"""The log of a room server says who came and went, in few lines, and no secret."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from typing import Any

import jwt
import pytest

from handfast.logs import JsonFormatter
from signaling.server import JoinRequest, JwtAuthorizer, Rights, TokenAlgorithm, create_app
from tests.support.network.asgi_member import AsgiMember, asgi_member

_KEY = "the key of these tests, of thirty-two octets"
_SDP = "v=0\r\na=ice-ufrag:ufra\r\na=ice-pwd:the-password-of-ice\r\na=crypto:1 X inline:the-key\r\n"


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    formatter = JsonFormatter()
    return [json.loads(formatter.format(record)) for record in caplog.records]


@pytest.fixture(autouse=True)
def everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


async def send_all(member: AsgiMember, *frames: dict[str, Any]) -> None:
    for frame in frames:
        member.send(**frame)
    # Answered, so that everything before has been read.
    member.send(type="offer", sdp=_SDP, to="nobody")
    await member.until("error")


async def test_no_secret_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    claims = {"aud": "here", "exp": time.time() + 86400, "room": "lobby"}
    token = jwt.encode(claims, _KEY, algorithm="HS256")
    authorize = JwtAuthorizer(key=_KEY, algorithm=TokenAlgorithm.HS256, audience="here")
    app = create_app(authorize=authorize)
    identity = "the-secret-of-an-identity"
    fields: dict[str, Any] = {
        "token": token,
        "resumable": True,
        "identitySecret": identity,
        "name": "Ada",
    }
    async with asgi_member(app, "lobby", **fields) as member:
        session = member.joined["session"]
        await send_all(
            member,
            {"type": "offer", "sdp": _SDP},
            {"type": "offer", "sdp": {"a": _SDP}},
            {"type": "candidate", "candidate": _SDP, "sdpMid": 7},
        )
    for refused in (
        {"room": "hall", "token": token},
        {"room": "lobby", "token": f"{token}x"},
        {"room": "lobby", "token": {"a": token}},
        {"room": ["lobby", token], "identitySecret": [identity]},
    ):
        with contextlib.suppress(AssertionError):
            async with asgi_member(app, **refused):
                pytest.fail("was let in")
    for returning in ({"token": token}, {"token": token, "session": [session]}, {}):
        with pytest.raises(AssertionError, match="refused"):
            async with asgi_member(
                app, "lobby", **{"type": "resume", "session": session, "received": 0, **returning}
            ):
                pytest.fail("was let in")
    written = "\n".join(json.dumps(line) for line in lines(caplog))
    assert "joined" in written
    assert written.count('"refused"') >= 7
    signature = token.rsplit(".", 1)[1]
    for secret in (token, signature, session, identity, "the-password-of-ice", "the-key", _KEY):
        assert secret not in written


async def test_a_member_leaves_two_lines_however_much_it_sends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = create_app()
    async with asgi_member(app, "r", name="Ada") as first, asgi_member(app, "r") as second:
        await send_all(first, *({"type": "offer", "sdp": "v"} for _ in range(100)))
        await send_all(second, {"type": "nonsense"}, {"type": "nonsense"}, {"type": "pong"})
    told = [(line["event"], line.get("code"), line.get("close_code")) for line in lines(caplog)]
    assert told == [
        *(("joined", None, None), ("joined", None, None)),
        *(("ended", None, 1000), ("ended", None, 1000)),
    ]
    joined = lines(caplog)[0]
    assert (joined["room"], joined["name"], joined["level"]) == ("r", "Ada", "info")
    assert joined["member"] == lines(caplog)[-1]["member"]


async def test_an_end_by_the_server_is_told_by_its_code(caplog: pytest.LogCaptureFixture) -> None:
    async with asgi_member(create_app(), "r") as member:
        for _ in range(3):
            member.send(type="nonsense")
            await member.until("error")
    assert (lines(caplog)[-1]["event"], lines(caplog)[-1]["code"]) == ("ended", "malformed")


async def test_a_strangers_words_forge_no_line_and_are_cut(
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = '\x1b[31m\n{"event": "joined"}'

    async def authorize(_: JoinRequest) -> Rights:
        raise ValueError("away\nfor long")

    with pytest.raises(AssertionError, match="forbidden"):
        async with asgi_member(create_app(authorize=authorize), f"{name}{'x' * 90}"):
            pass
    failed, refused = lines(caplog)
    assert (failed["event"], failed["level"]) == ("not judged", "warning")
    assert "ValueError: away\nfor long" in failed["exception"]
    assert refused["event"] == "refused"
    formatted = [JsonFormatter().format(record) for record in caplog.records]
    assert not any("\n" in line or "\x1b" in line for line in formatted)
    assert "\x1b" not in caplog.records[0].getMessage()
