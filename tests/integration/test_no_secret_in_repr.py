"""Whatever a debugger, a log or a traceback shows of a connection: no password is among it."""

from __future__ import annotations

import gc
import re
from typing import TYPE_CHECKING

from peer import IceServer
from signaling.messages import Answer, Join, Joined, Offer, Resume
from tests.support.negotiation.connections import connected_pair, loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer.tracing.events import TraceEvent


def objects_of(*packages: str) -> Iterator[object]:
    """All objects that the garbage collector knows, of classes of these packages."""
    for each in gc.get_objects():
        module = getattr(type(each), "__module__", None)
        if isinstance(module, str) and module.partition(".")[0] in packages:
            yield each


async def test_no_repr_of_a_connected_connection_shows_a_secret() -> None:
    server = IceServer("turn:127.0.0.1:9", username="user", credential="turn-credential")
    events: list[TraceEvent] = []
    configuration = loopback(iceServers=[server], trace=events.append)
    async with connected_pair(configuration) as (caller, callee, _):
        descriptions = [caller.localDescription, callee.localDescription]
        sdps = [each.sdp for each in descriptions if each is not None]
        secrets = set(re.findall(r"a=ice-pwd:(\S+)", "".join(sdps)))
        assert len(secrets) == 2
        secrets.add("turn-credential")
        messages = [Offer(sdp=sdps[0]), Answer(sdp=sdps[1])]
        shown = {repr(each) for each in (*objects_of("peer", "signaling"), *events, *messages)}
        assert any("Described" in each for each in shown)
        telling = [each for each in shown if any(secret in each for secret in secrets)]
        assert telling == []
    # What is left out is left out of `repr` only.
    assert "a=ice-pwd:...\\r\\n" in repr(descriptions[0])
    assert all(secret in "".join(sdps) + "turn-credential" for secret in secrets)


def test_no_repr_of_a_resumable_session_shows_its_secret() -> None:
    joined = Joined(member="m1", peers=(), session="session-secret")
    assert "session-secret" not in repr(joined) + repr(Resume("session-secret", 4))


def test_no_repr_of_a_join_shows_what_it_proves_itself_with() -> None:
    shown = repr(Join(room="r", name="n", token="t-secret", identity_secret="an-identity-secret"))
    assert shown == "Join(room='r', name='n', resumable=False, token=..., identitySecret=...)"
