from __future__ import annotations

from peer.transport.adapters.ice_gathering import ADDRESSES_SERVE, LocalAddresses


class System:
    """A machine whose addresses change."""

    def __init__(self) -> None:
        self.now = 100.0
        self.addresses = ["192.0.2.1"]
        self.asked = 0

    def list_addresses(self) -> list[str]:
        self.asked += 1
        return self.addresses


def test_local_addresses_are_asked_for_once_while_a_list_serves() -> None:
    system = System()
    listed = LocalAddresses(system.list_addresses, lambda: system.now)
    first = listed()
    first.append("what a caller does to its list")
    system.now += ADDRESSES_SERVE / 2
    assert listed() == ["192.0.2.1"]
    assert system.asked == 1


def test_local_address_that_comes_is_listed_once_the_list_is_old() -> None:
    system = System()
    listed = LocalAddresses(system.list_addresses, lambda: system.now)
    assert listed() == ["192.0.2.1"]
    system.addresses = ["192.0.2.1", "192.0.2.2"]
    system.now += ADDRESSES_SERVE
    assert listed() == ["192.0.2.1", "192.0.2.2"]


def test_machine_without_an_address_has_loopback() -> None:
    assert LocalAddresses(list, lambda: 0.0)() == ["127.0.0.1"]
