from __future__ import annotations

from pathlib import Path

import pytest

from handfast.rooms import AddressError
from handfast.sip_address import SipAddress, is_sip


def read(file: Path | None = None, *, server: str | None = "wss://sip.example.org") -> SipAddress:
    return SipAddress.of_options(
        "sip:ann@example.org",
        server=server,
        address="sip:bot@example.org",
        secret_file=file,
        environment={"HANDFAST_SIP_SECRET": "of the environment"},
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [("sip:a@b", True), ("SIPS:a@b", True), ("tel:+1", True), ("wss://b/ws#sip:", False)],
)
def test_sip_address_of_a_command_is_told_from_a_room(text: str, expected: bool) -> None:
    assert is_sip(text) is expected


def test_sip_secret_is_that_of_the_environment_and_in_no_repr() -> None:
    address = read()
    assert address.secret == "of the environment"
    assert "of the environment" not in repr(address)


def test_sip_secret_file_comes_before_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.touch(0o600)
    file.write_text("of the file\n")
    assert read(file).secret == "of the file"


def test_sip_secret_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.touch(0o644)
    with pytest.raises(AddressError, match="Others may read"):
        read(file)


def test_missing_sip_secret_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(AddressError, match="cannot be read: No such file"):
        read(tmp_path / "none")


def test_sip_call_without_a_server_says_what_to_give() -> None:
    with pytest.raises(AddressError, match="--sip-server"):
        read(server=None)
