"""`handfast call sip:...` and `handfast record sip:...` call a bot of ours through Kamailio."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import pytest

from media import SyntheticAudioTrack, ToneMeter
from peer import PeerConnection
from signaling import sip
from tests.interop.kamailio.test_sip_bots import USERS, Caller, write_tone
from tests.support.negotiation.connections import within
from tests.support.peers.kamailio import Kamailio, kamailio
from tests.support.project.handfast_program import handfast_program

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.needs("kamailio"), pytest.mark.xdist_group("peer-kamailio")]


def options(proxy: Kamailio) -> list[str]:
    return ["--sip-server", proxy.ws, "--sip-address", proxy.aor("ann")]


async def test_call_by_sip_plays_a_file_to_who_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDFAST_SIP_SECRET", USERS["ann"])
    file = write_tone(tmp_path / "tone.wav", 800, seconds=4)
    async with (
        kamailio(tmp_path, users=USERS) as proxy,
        sip.register(proxy.ws, proxy.aor("bot"), USERS["bot"]) as bot,
        handfast_program("call", proxy.aor("bot"), "--play", str(file), *options(proxy)) as program,
    ):
        call = await within(anext(bot.calls()))
        listener = Caller()
        await within(call.answer(listener.pc))
        await listener.hear(800)
        output, errors = await within(program.communicate())
        assert program.returncode == 0, errors.decode()
        assert f"to {proxy.aor('bot')} for" in output.decode()
        assert (await within(call.ended())).cause is sip.EndCause.REMOTE


@pytest.mark.long
async def test_record_by_sip_records_who_answers_until_they_hang_up(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.touch(0o600)
    secret.write_text(USERS["ann"])
    file = tmp_path / "call.ogg"
    async with (
        kamailio(tmp_path, users=USERS) as proxy,
        sip.register(proxy.ws, proxy.aor("bot"), USERS["bot"]) as bot,
        handfast_program(
            *("record", proxy.aor("bot"), str(file), *options(proxy)),
            *("--sip-secret-file", str(secret), "--max-duration", "1s"),
        ) as program,
    ):
        call = await within(anext(bot.calls()))
        connection = PeerConnection()
        connection.addTrack(SyntheticAudioTrack(pitch=600))
        await within(call.answer(connection))
        _, errors = await within(program.communicate())
        assert program.returncode == 0, errors.decode()
        assert (await within(call.ended())).cause is sip.EndCause.REMOTE
    meter = ToneMeter()
    with av.open(str(file)) as recorded:
        resampler = av.AudioResampler(format="s16")
        for frame in recorded.decode(audio=0):
            for each in resampler.resample(frame):
                meter.hear(each)
    assert abs((meter.measure().pitch or 0.0) - 600) < 40


@pytest.mark.long
async def test_call_by_sip_that_is_refused_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDFAST_SIP_SECRET", USERS["ann"])
    file = write_tone(tmp_path / "tone.wav", 800, seconds=1)
    async with (
        kamailio(tmp_path, users=USERS) as proxy,
        handfast_program("call", proxy.aor("bot"), "--play", str(file), *options(proxy)) as program,
    ):
        _, errors = await within(program.communicate())
    assert program.returncode == 1
    assert errors.decode().strip() == "error: the call was refused: 404 Not Found"
