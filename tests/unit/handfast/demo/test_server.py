from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from handfast.demo import DemoError, DemoOptions, open_demo
from peer import Certificate


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def key_pair(tmp_path: Path) -> tuple[Path, Path]:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate_pem, key_pem = Certificate.generate().to_pem()
    certificate.write_bytes(certificate_pem)
    key.write_bytes(key_pem)
    return certificate, key


async def _reason(options: DemoOptions) -> str:
    with pytest.raises(DemoError) as error:
        async with open_demo(options):
            pass
    return str(error.value)


async def test_a_taken_port_is_named(taken_port: int) -> None:
    reason = await _reason(DemoOptions(port=taken_port))

    assert reason == f"Port {taken_port} is taken by another program; choose one with --port."


async def test_an_address_of_another_machine_is_named() -> None:
    reason = await _reason(DemoOptions(host="192.0.2.1", port=0))

    assert reason == "192.0.2.1 is not an address of this machine."


async def test_a_host_without_an_address_is_named() -> None:
    assert "'no such host'" in await _reason(DemoOptions(host="no such host", port=0))


@pytest.mark.parametrize("missing", ["certfile", "keyfile"])
async def test_a_certificate_needs_its_key(key_pair: tuple[Path, Path], missing: str) -> None:
    files: dict[str, Path | None] = dict(zip(("certfile", "keyfile"), key_pair, strict=True))
    files[missing] = None

    reason = await _reason(
        DemoOptions(port=0, certfile=files["certfile"], keyfile=files["keyfile"])
    )

    assert reason == "https needs both --certfile and --keyfile."


async def test_a_missing_file_is_named(key_pair: tuple[Path, Path]) -> None:
    nowhere = key_pair[0].with_name("nowhere.pem")

    reason = await _reason(DemoOptions(port=0, certfile=key_pair[0], keyfile=nowhere))

    assert reason == f"There is no file {nowhere}."


async def test_a_file_that_is_no_certificate_is_named(key_pair: tuple[Path, Path]) -> None:
    key_pair[0].write_text("not a certificate")

    reason = await _reason(DemoOptions(port=0, certfile=key_pair[0], keyfile=key_pair[1]))

    assert reason.startswith(f"{key_pair[0]} and {key_pair[1]} are no certificate with its key")


async def test_a_key_of_another_certificate_is_refused(key_pair: tuple[Path, Path]) -> None:
    key_pair[1].write_bytes(Certificate.generate().to_pem()[1])

    reason = await _reason(DemoOptions(port=0, certfile=key_pair[0], keyfile=key_pair[1]))

    assert "are no certificate with its key" in reason


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "127.0.0.1"), ("localhost", "localhost"), ("0.0.0.0", "127.0.0.1")],
)
async def test_the_url_can_be_opened_on_this_machine(host: str, shown: str) -> None:
    async with open_demo(DemoOptions(host=host, port=0)) as demo:
        assert demo.url.startswith(f"http://{shown}:")


async def test_the_port_is_free_again_afterwards() -> None:
    async with open_demo(DemoOptions(port=0)) as demo:
        port = int(demo.url.rstrip("/").rpartition(":")[2])

    async with open_demo(DemoOptions(port=port)):
        pass
