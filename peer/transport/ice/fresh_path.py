"""Path of one ICE restart, for a DTLS association that begins there before all else follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peer.transport.interfaces import DatagramSender


class PathOwner(Protocol):
    """ICE of one transport, as the path of one of its generations sees it."""

    def is_pending(self, generation: str) -> bool:
        """Tell whether a generation may yet become active."""

    def is_up(self, generation: str) -> bool:
        """Tell whether a check has succeeded on it or, if it is not pending, on the active one."""

    def sender_of(self, generation: str, *, only_there: bool = False) -> DatagramSender:
        """Return what sends on it if it is pending and has a path, or else on the active one.

        Args:
            generation: Our username fragment in it.
            only_there: As long as it is pending, with or without a path.
        """

    def hold(self, *, held: bool) -> None:
        """Keep the active generation active as long as it works, or let the next one follow."""


class GenerationPath:
    """Path of an ICE generation from its first valid pair on, and of those that follow it later.

    Implements `FreshPath`. Where the generation is given up, datagrams go by the path in use; until
    it has a pair as well, unless that path is held for others.

    Args:
        generation: Our username fragment in the generation.
        owner: Has the generations, and calls `update` after each change of them.
        on_up: Called once, when `up` becomes true after the construction.
    """

    def __init__(self, generation: str, owner: PathOwner, on_up: Callable[[], None]) -> None:
        self.up = owner.is_up(generation)
        self._generation = generation
        self._owner = owner
        self._on_up = on_up
        self._holds = False
        self._early = _EarlyPath(self)
        self._sender: DatagramSender = self._early

    def __repr__(self) -> str:
        state = "up" if self.up else "not up"
        return f"<GenerationPath {self._generation} {state}{' holds' if self._holds else ''}>"

    @property
    def early_sender(self) -> DatagramSender:
        """Sends while the generation is pending, as it is at this moment."""
        return self._owner.sender_of(self._generation, only_there=self._holds)

    def send(self, datagram: bytes) -> bool:
        """Send a datagram at once to the peer; False and counted where there is no path."""
        return self._sender.send(datagram)

    def send_all(self, datagrams: Sequence[bytes]) -> int:
        """Send several datagrams in order; return how many were sent, from the first on."""
        return self._sender.send_all(datagrams)

    def update(self) -> None:
        """Follow a change of the generations."""
        owner, generation = self._owner, self._generation
        # Asked for each packet only as long as the answer may change with any check of the peer.
        pending = owner.is_pending(generation)
        self._sender = self._early if pending else owner.sender_of(generation)
        if not self.up and owner.is_up(generation):
            self.up = True
            self._on_up()

    def hold(self) -> None:
        """Keep all others on the path before."""
        if not self._holds:
            self._holds = True
            self._owner.hold(held=True)

    def release(self) -> None:
        """Let all others follow to this path."""
        if self._holds:
            self._holds = False
            self._owner.hold(held=False)


class _EarlyPath:
    """Sends on a generation if it has a path by now, which a check of the peer gives it as well."""

    def __init__(self, path: GenerationPath) -> None:
        self._path = path

    def send(self, datagram: bytes) -> bool:
        return self._path.early_sender.send(datagram)

    def send_all(self, datagrams: Sequence[bytes]) -> int:
        return self._path.early_sender.send_all(datagrams)
