"""One INVITE that Kamailio forks to a browser, phones and a bot: all answer early, one is kept.

baresip 1.0.0 writes `a=rtcp-mux` into its 200 only, so that its early answer is refused: its branch
is ended, and the others do not notice.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from handfast.trace import TracedEnd, draw
from handfast.trace.rows import Arrow
from peer import ConnectionState, PeerConfiguration
from peer.tracing.events import (
    Datagram,
    DatagramKind,
    FingerprintChecked,
    HandshakeCompleted,
    SignalingMessage,
)
from signaling import sip
from tests.support.browser.browsers import open_browser
from tests.support.browser.sip_page import IncomingCalls, SipLibrary, SipTab, sip_pages
from tests.support.negotiation.connections import within
from tests.support.peers.baresip import AnswerMode, registered_baresip
from tests.support.peers.kamailio import kamailio
from tests.support.peers.linphone import registered_linphone
from tests.support.peers.sip_phones import sounding
from tests.support.tracing.traces import Sink

if TYPE_CHECKING:
    from pathlib import Path

USERS = {"ann": "ann's secret", "team": "secret-of-the-team"}


@pytest.mark.conformance("6.3-forking", "6.2-early-media", peers=["Chromium 156"])
@pytest.mark.needs("kamailio", "baresip", "linphone", "sip.js")
@pytest.mark.browser("chromium")
async def test_invite_forks_to_browser_linphone_and_bot_that_answer_early_and_one_is_kept(
    tmp_path: Path,
) -> None:
    for name in ("baresip", "linphone"):
        (tmp_path / name).mkdir()
    traces: dict[object, Sink] = {}

    def traced(session: object) -> Sink:
        return traces.setdefault(session, Sink())

    async with (
        kamailio(tmp_path, users=USERS) as proxy,
        sip_pages(tmp_path, SipLibrary.SIP_JS) as url,
        open_browser("chromium") as browser,
        registered_baresip(
            tmp_path / "baresip",
            proxy,
            user="team",
            secret=USERS["team"],
            answers=AnswerMode.EARLY,
        ) as refused,
        registered_linphone(
            tmp_path / "linphone", proxy, user="team", secret=USERS["team"], is_early=True
        ),
        sip.register(proxy.ws, proxy.aor("team"), USERS["team"]) as bot,
        sip.register(proxy.ws, proxy.aor("ann"), USERS["ann"]) as ann,
    ):
        tab = await SipTab.register(
            browser,
            url,
            proxy,
            user="team",
            secret=USERS["team"],
            library=SipLibrary.SIP_JS,
            incoming=IncomingCalls.EARLY,
        )
        parent = Sink()
        connection = sounding(PeerConfiguration(trace=parent))
        async with ann.ring(proxy.aor("team"), connection, trace=traced) as branches:
            call = await within(anext(bot.calls()))
            theirs = await within(call.early(sounding()))
            forks = [await within(anext(branches)) for _ in range(3)]
            for fork in forks:
                assert fork.state is sip.CallState.EARLY
                assert fork.connection is not None
                await within(fork.connection.connected())
            sinks = [traces[fork.session] for fork in forks]
            # Three associations, each with keys and a certificate of its own.
            shown = {sink.all(FingerprintChecked)[0].shown for sink in sinks}
            assert len(shown) == 3
            # What came before the answer that makes the fork is told with the parent.
            handshakes = [len(sink.all(HandshakeCompleted)) for sink in (parent, *sinks)]
            assert sum(handshakes) == 3
            # A branch that is dropped too soon has no media to tell of.
            for sink in sinks:
                await sink.heard(Datagram, where=lambda each: each.kind is DatagramKind.SRTP)
            await within(refused.logs("session closed"))
            await within(call.answer())
            accepted = [asyncio.create_task(fork.established()) for fork in forks]
            done, _ = await within(asyncio.wait(accepted, return_when="FIRST_COMPLETED"))
            kept = forks[accepted.index(done.pop())]
            await within(branches.keep(kept))
            await asyncio.gather(*accepted, return_exceptions=True)
        for fork in forks:
            assert (fork.state is sip.CallState.ENDED) is (fork is not kept)
        assert kept.connection is not None
        assert kept.connection.connectionState is ConnectionState.CONNECTED
        assert theirs.connectionState is ConnectionState.CONNECTED
        await tab.tells("ended")
        await within(kept.hangup())
        assert (await within(call.ended())).cause is sip.EndCause.REMOTE
    sent = [each.summary for each in parent.all(SignalingMessage)]
    assert sent[0] == "INVITE"
    for sink in sinks:
        rows = draw(TracedEnd("ann", sink.events)).rows
        labels = [row.label for row in rows if isinstance(row, Arrow)]
        assert labels[0] == "INVITE"
        assert any(label.startswith("183 ") for label in labels)
        assert any(label.endswith("starts") for label in labels)
