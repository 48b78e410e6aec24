"""What one transport gathers is told to all on its sockets, and somebody always goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aioice import Candidate

from peer.transport.ice.servers import ServerFailure
from peer.transport.ice.shared_gathering import SharedGathering

if TYPE_CHECKING:
    from peer.transport.ice.shared_gathering import GatheringMember

CANDIDATE = Candidate.from_sdp("1 1 udp 1 192.0.2.1 5000 typ host")
FAILURE = ServerFailure("stun:192.0.2.9", "no answer")


class Member:
    """A `GatheringMember` that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def on_shared_candidate(self, source: GatheringMember, candidate: Candidate) -> None:
        self.told.append(candidate)

    def on_shared_failure(self, failure: ServerFailure) -> None:
        self.told.append(failure)

    def on_shared_end(self) -> None:
        self.told.append("end")

    def continue_gathering(self, source: GatheringMember) -> None:
        self.told.append(source)


def test_each_other_member_is_told_of_candidates_failures_and_the_end() -> None:
    one, two, three = Member(), Member(), Member()
    shared = SharedGathering(one)
    shared.add(two)
    shared.add(three)
    shared.found(one, CANDIDATE)
    shared.failed(one, FAILURE)
    shared.ended(one)
    assert one.told == []
    assert two.told == three.told == [CANDIDATE, FAILURE, "end"]


def test_member_that_ends_while_it_gathers_is_followed_by_the_next() -> None:
    one, two, three = Member(), Member(), Member()
    shared = SharedGathering(one)
    shared.add(two)
    shared.add(three)
    shared.leave(one)
    assert two.told == [one]
    shared.leave(three)
    shared.found(two, CANDIDATE)
    assert [one.told, two.told, three.told] == [[], [one], []]
    shared.leave(two)


def test_member_that_ends_is_not_followed_where_all_is_gathered() -> None:
    one, two = Member(), Member()
    shared = SharedGathering(one)
    shared.add(two)
    shared.ended(one)
    shared.leave(one)
    shared.leave(one)
    assert two.told == ["end"]
