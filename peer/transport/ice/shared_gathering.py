"""Gathers candidates once for all forks of an offer, and goes on while one of them lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from aioice import Candidate

    from peer.transport.ice.servers import ServerFailure


class GatheringMember(Protocol):
    """An ICE transport of one fork, as far as gathering for all of them needs it."""

    def on_shared_candidate(self, source: GatheringMember, candidate: Candidate) -> None:
        """Take a candidate that another fork has gathered."""

    def on_shared_failure(self, failure: ServerFailure) -> None:
        """Take note of a server that did not serve another fork."""

    def on_shared_end(self) -> None:
        """Take note that there will be no more candidates."""

    def continue_gathering(self, source: GatheringMember) -> None:
        """Ask the servers that another fork, which ends, has not heard of yet."""


class SharedGathering:
    """The ICE transports on the sockets of one offer, one of which asks the servers for all.

    Args:
        gatherer: The first of them.
    """

    def __init__(self, gatherer: GatheringMember) -> None:
        self._members = [gatherer]
        self._gatherer = gatherer
        self._complete = False

    def __repr__(self) -> str:
        state = "complete" if self._complete else "gathering"
        return f"<SharedGathering {state} for {len(self._members)} transports>"

    def add(self, member: GatheringMember) -> None:
        """Tell another transport as well from now on."""
        self._members.append(member)

    def found(self, source: GatheringMember, candidate: Candidate) -> None:
        """Pass on a candidate."""
        for each in self._others(source):
            each.on_shared_candidate(source, candidate)

    def failed(self, source: GatheringMember, failure: ServerFailure) -> None:
        """Pass on that a server does not serve."""
        for each in self._others(source):
            each.on_shared_failure(failure)

    def ended(self, source: GatheringMember) -> None:
        """Pass on that there will be no more candidates."""
        self._complete = True
        for each in self._others(source):
            each.on_shared_end()

    def leave(self, member: GatheringMember) -> None:
        """Forget a transport that ends; another one goes on where it was the one that asked."""
        if member not in self._members:
            return
        self._members.remove(member)
        if member is self._gatherer and self._members and not self._complete:
            self._gatherer = self._members[0]
            self._gatherer.continue_gathering(member)

    def _others(self, source: GatheringMember) -> list[GatheringMember]:
        return [each for each in self._members if each is not source]
