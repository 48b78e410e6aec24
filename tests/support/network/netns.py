"""Makes networks of the kernel for a test: namespaces, the links between them, and NAT.

::

    with internet(left=Nat.RESTRICTED, right=Nat.RESTRICTED) as net:
        net.left.home      # a computer with a private address ...
        net.left.address   # ... which the public network sees under this one
        net.server         # a computer in the public network

As root only; everything is gone at the end, and what a killed run left is removed by the next one.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import socket
import subprocess
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.clock.deadline import DEADLINE
from tests.support.project.tools import tool_path

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLONE_NEWNET = 0x40000000
_PREFIX = "handfast"
_NUMBERS = itertools.count()

_SERVER = "198.51.100.1"
_WAN, _LAN, _UPLINK = "wan", "lan", "uplink"


class NetworkError(Exception):
    """The system did not make the network, in its own words."""


class Nat(Enum):
    """Behaviour of a router that translates UDP, in the words of RFC 4787.

    The value is its rules: `{home}` is the computer behind it.
    """

    #: Endpoint-independent mapping to another port; address and port-dependent filtering.
    RESTRICTED = """
        chain outbound { type nat hook postrouting priority srcnat;
            oif wan meta l4proto udp masquerade to :40000-40999; }
        chain inbound { type filter hook input priority filter; iif wan drop; }
    """
    #: Address and port-dependent mapping ("symmetric"), and the same filtering.
    SYMMETRIC = """
        chain outbound { type nat hook postrouting priority srcnat;
            oif wan meta l4proto udp masquerade to :40000-40999 fully-random; }
        chain inbound { type filter hook input priority filter; iif wan drop; }
    """
    #: Endpoint-independent mapping and filtering ("full cone"), ports kept.
    OPEN = """
        chain outbound { type nat hook postrouting priority srcnat;
            oif wan meta l4proto udp masquerade; }
        chain inbound { type nat hook prerouting priority dstnat;
            iif wan meta l4proto udp dnat to {home}; }
    """


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network namespace, as a computer.

    Args:
        name: By which `ip netns` knows it.
        address: The one that it is reached at in its own network.
    """

    name: str
    address: str

    def command(self, *words: str) -> tuple[str, ...]:
        """A command that runs another one there."""
        return (tool_path("ip"), "netns", "exec", self.name, *words)

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """A socket that lives there, in this process."""
        with (
            open("/proc/thread-self/ns/net", "rb") as here,
            _file_of(self.name).open("rb") as there,
        ):
            _enter(there.fileno())
            try:
                return socket.socket(family, kind, protocol)
            finally:
                _enter(here.fileno())


@dataclass(frozen=True, slots=True)
class Site:
    """A private network behind a router with NAT.

    Args:
        home: A computer in it.
        address: The router's public address.
        uplink: The public end of the router's wire, an interface of the server.
        router: The router's namespace.
    """

    home: Namespace
    address: str
    uplink: str
    router: Namespace

    @contextlib.contextmanager
    def outage(self) -> Iterator[None]:
        """Let nothing through the router."""
        chain = "chain passing { type filter hook forward priority filter; policy drop; }"
        rules = f"table ip outage {{\n{chain}\n}}"
        _run(*self.router.command(tool_path("nft"), "-f", "-"), text=rules)
        try:
            yield
        finally:
            _run(*self.router.command(tool_path("nft"), "delete", "table", "ip", "outage"))

    def narrow(self, limit: int) -> None:
        """Let no UDP through the router whose IP packet has more octets, and tell nobody."""
        rule = f"meta l4proto udp ip length > {limit} drop;"
        chain = f"chain passing {{ type filter hook forward priority filter; {rule} }}"
        rules = f"table ip narrow {{\n{chain}\n}}"
        _run(*self.router.command(tool_path("nft"), "-f", "-"), text=rules)
        # Otherwise a virtual wire carries a run of datagrams in one (UDP_SEGMENT), as no real one.
        _ip(f"link set {_LAN} gso_max_segs 1", at=self.home.name)

    @contextlib.contextmanager
    def unplugged(self, address: str) -> Iterator[None]:
        """Take the computer off its network, and bring it back at another address of that."""
        _ip(f"address flush dev {_LAN}", f"link set {_LAN} down", at=self.home.name)
        try:
            yield
        finally:
            _ip(
                f"address add {address}/24 dev {_LAN}",
                f"link set {_LAN} up",
                f"route add default via {address.rpartition('.')[0]}.1",
                at=self.home.name,
            )

    def move(self, server: Namespace, address: str) -> None:
        """Give the router another public address, as a provider does; its NAT forgets all flows."""
        _ip(f"route replace {address} dev {self.uplink}", at=server.name)
        # All addresses of the wire go with the first, and what was translated to them.
        _ip(
            f"link set {_WAN} down",
            f"address flush dev {_WAN}",
            f"address add {address} dev {_WAN}",
            f"link set {_WAN} up",
            f"route add {_SERVER} dev {_WAN}",
            f"route add default via {_SERVER}",
            at=self.router.name,
        )


@dataclass(frozen=True, slots=True)
class Internet:
    """Two sites, and a server in the public network, which forwards between them."""

    server: Namespace
    left: Site
    right: Site


@contextlib.contextmanager
def internet(left: Nat, right: Nat) -> Iterator[Internet]:
    """Two computers that reach each other through their routers only."""
    _sweep()
    prefix = f"{_PREFIX}-{os.getpid()}-{next(_NUMBERS)}"
    with contextlib.ExitStack() as made:
        server = Namespace(f"{prefix}-server", _SERVER)
        _add(made, server.name, f"address add {_SERVER}/32 dev lo")
        sites = [
            _site(made, f"{prefix}-{number}", number, nat, server)
            for number, nat in enumerate((left, right), 1)
        ]
        yield Internet(server, *sites)


def left_behind(process: int) -> list[str]:
    """The namespaces that a process made, and that are still there."""
    return [name for name in _names() if name.startswith(f"{_PREFIX}-{process}-")]


def _site(
    made: contextlib.ExitStack, prefix: str, number: int, nat: Nat, server: Namespace
) -> Site:
    router, uplink = f"{prefix}-router", f"{_UPLINK}{number}"
    home = Namespace(f"{prefix}-home", f"10.0.{number}.2")
    gateway, address, hop = f"10.0.{number}.1", f"203.0.113.{number}2", f"203.0.113.{number}1"
    _add(made, router)
    _add(made, home.name)
    _ip(
        f"link add {uplink} netns {server.name} type veth peer name {_WAN} netns {router}",
        f"link add {_LAN} netns {router} type veth peer name {_LAN} netns {home.name}",
    )
    _ip(f"address add {hop} peer {address} dev {uplink}", f"link set {uplink} up", at=server.name)
    _ip(
        f"address add {address} peer {hop} dev {_WAN}",
        f"address add {gateway}/24 dev {_LAN}",
        f"link set {_WAN} up",
        f"link set {_LAN} up",
        f"route add default via {hop}",
        at=router,
    )
    _ip(
        f"address add {home.address}/24 dev {_LAN}",
        f"link set {_LAN} up",
        f"route add default via {gateway}",
        at=home.name,
    )
    rules = "table ip handfast {" + nat.value.replace("{home}", home.address) + "}"
    _run(tool_path("ip"), "netns", "exec", router, tool_path("nft"), "-f", "-", text=rules)
    return Site(home, address, uplink, Namespace(router, address))


def _add(made: contextlib.ExitStack, name: str, *commands: str) -> None:
    """A computer that forwards, as far as it has routes."""
    made.callback(_ip, f"netns delete {name}")
    _ip(f"netns add {name}")
    _ip("link set lo up", *commands, at=name)
    forward = ("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
    _run(tool_path("ip"), "netns", "exec", name, *forward)


def _sweep() -> None:
    """Remove what killed processes left."""
    for name in _names():
        owner = name.removeprefix(f"{_PREFIX}-").partition("-")[0]
        if name.startswith(f"{_PREFIX}-") and not Path("/proc", owner).exists():
            # Another process may be about the same.
            with contextlib.suppress(NetworkError):
                _ip(f"netns delete {name}")


def _names() -> list[str]:
    folder = _file_of("")
    return os.listdir(folder) if folder.exists() else []


def _file_of(name: str) -> Path:
    return Path("/run/netns", name)


def _ip(*commands: str, at: str | None = None) -> None:
    place = () if at is None else ("-netns", at)
    _run(tool_path("ip"), *place, "-batch", "-", text="\n".join(commands))


def _run(*command: str, text: str = "") -> None:
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    if done.returncode != 0:
        raise NetworkError(f"{' '.join(command)}: {done.stderr.strip()}")


def _enter(descriptor: int) -> None:
    # os.setns is there from Python 3.12 on.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
