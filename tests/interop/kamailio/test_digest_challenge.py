"""The challenge of Kamailio as the tests run it: the proxy of all other tests here is there."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from tests.support.negotiation.connections import within
from tests.support.peers.kamailio import HOST, DigestAlgorithm, kamailio

pytestmark = [pytest.mark.needs("kamailio"), pytest.mark.xdist_group("peer-kamailio")]


@pytest.mark.parametrize("algorithm", DigestAlgorithm)
async def test_kamailio_challenges_a_registration_with_the_chosen_hash(
    tmp_path: Path, algorithm: DigestAlgorithm
) -> None:
    loop = asyncio.get_running_loop()
    async with kamailio(tmp_path, users={"bot": "secret"}, digest=algorithm) as proxy:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.setblocking(False)
            phone.connect((HOST, proxy.port))
            address = f"{HOST}:{phone.getsockname()[1]}"
            lines = [
                f"REGISTER sip:{HOST} SIP/2.0",
                f"Via: SIP/2.0/UDP {address};branch=z9hG4bK1",
                f"From: <{proxy.aor('bot')}>;tag=1",
                f"To: <{proxy.aor('bot')}>",
                "Call-ID: 1",
                "CSeq: 1 REGISTER",
                "Max-Forwards: 70",
                f"Contact: <sip:{address}>",
                "Content-Length: 0",
            ]
            await loop.sock_sendall(phone, ("\r\n".join(lines) + "\r\n\r\n").encode())
            answer = (await within(loop.sock_recv(phone, 4096))).decode()
    assert answer.startswith("SIP/2.0 401 ")
    assert f"algorithm={algorithm}" in answer
    assert 'qop="auth"' in answer
