from __future__ import annotations

import copy
import dataclasses
import gc
import inspect
import pickle
import pydoc
import subprocess
import sys
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

import pytest

from peer.values import assign, dataclass, replace

if TYPE_CHECKING:
    from peer.times import Seconds as Unknown

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Point:
    """A point with a class variable, a default and a method."""

    dimensions: ClassVar[int] = 2
    x: int
    y: int = 0

    def moved(self) -> Point:
        return replace(self, x=self.x + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A base class whose fields are given by name."""

    name: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class NamedPoint(Named):
    """A class that extends another one, and gives its own fields by place."""

    x: int
    marks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Login:
    """A value with a secret, and with a field that makes no difference."""

    user: str
    secret: str = field(repr=False)
    url: str = field(default="", compare=False)
    options: dict[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Counted:
    """A value with a field that it works out."""

    items: tuple[int, ...]
    total: int = field(init=False)

    def __post_init__(self) -> None:
        assign(self, "items", tuple(self.items))
        assign(self, "total", sum(self.items))


@dataclass(frozen=True, slots=True)
class Box(Generic[T]):
    """A generic value."""

    content: T


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A value whose annotation is known to type checkers alone."""

    content: Unknown


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """A value that equals none but itself."""

    number: int


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A value that comes before or after another."""

    major: int
    minor: int = 0


def test_values_are_equal_by_fields_and_class() -> None:
    assert Point(1, 2) == Point(x=1, y=2)
    assert hash(Point(1, 2)) == hash(Point(1, 2))
    assert Point(1) != Point(2)
    other: object = Version(1)
    assert Point(1) != other
    assert repr(Point(1)) == "Point(x=1, y=0)"
    assert Point.dimensions == 2


def test_values_refuse_assignment_and_unknown_names() -> None:
    with pytest.raises(AttributeError):
        Point(1).x = 2  # type: ignore[misc]  # what is tried
    with pytest.raises(AttributeError):
        Point(1).z = 2  # type: ignore[attr-defined]  # what is tried
    with pytest.raises(TypeError):
        Point(1, z=2)  # type: ignore[call-arg]  # what is tried
    with pytest.raises(TypeError):
        Point()  # type: ignore[call-arg]  # what is tried
    with pytest.raises(TypeError):
        Named("x")  # type: ignore[call-arg]  # what is tried


def test_replace_changes_named_fields_and_works_out_the_others_anew() -> None:
    assert Point(1, 2).moved() == Point(2, 2)
    assert replace(Counted((1, 2)), items=(5,)).total == 5
    with pytest.raises(TypeError):
        replace(Point(1), z=2)  # type: ignore[call-arg]  # what is tried


def test_fields_of_a_base_class_are_given_as_it_says() -> None:
    point = NamedPoint(3, name="a")
    assert (point.x, point.name, point.note, point.marks) == (3, "a", None, ())
    assert isinstance(point, Named)
    assert replace(point, note="n") == NamedPoint(3, (), name="a", note="n")


def test_secret_fields_are_not_in_the_text_of_a_value() -> None:
    assert "hunter2" not in repr(Login("me", "hunter2"))
    assert repr(Login("me", "hunter2")) == "Login(user='me', url='', options={})"


def test_fields_without_compare_make_no_difference() -> None:
    assert Login("me", "s", "one") == Login("me", "s", "other")
    assert hash(Login("me", "s", "one")) == hash(Login("me", "s", "other"))
    assert Login("me", "s") != Login("me", "t")
    other: object = ("me", "s")
    assert Login("me", "s") != other


def test_default_factories_make_a_new_object_for_each_value() -> None:
    assert Login("a", "b").options is not Login("a", "b").options


def test_values_without_eq_equal_themselves_alone() -> None:
    ticket = Ticket(1)
    assert ticket == ticket
    assert ticket != Ticket(1)
    assert len({ticket, Ticket(1)}) == 2


def test_values_with_order_can_be_sorted() -> None:
    assert sorted([Version(2), Version(1, 3)]) == [Version(1, 3), Version(2)]


def test_generic_values_keep_their_parameters() -> None:
    assert Box[int](3) == Box(3)
    assert vars(Box)["__parameters__"] == (T,)


def test_values_match_by_place() -> None:
    match Point(4, 5):
        case Point(x, y):
            assert (x, y) == (4, 5)


def test_values_are_copied_and_pickled() -> None:
    value = NamedPoint(3, name="a")
    assert copy.deepcopy(value) == value
    assert pickle.loads(pickle.dumps(value)) == value


def test_dataclasses_takes_values() -> None:
    """Programs call `dataclasses.replace` on what the public surface gives them."""
    assert dataclasses.is_dataclass(Point)
    assert dataclasses.replace(Point(1, 2), y=3) == Point(1, 3)
    assert dataclasses.asdict(NamedPoint(3, name="a")) == {
        "name": "a",
        "note": None,
        "x": 3,
        "marks": (),
    }
    assert [(each.name, each.repr, each.compare) for each in dataclasses.fields(Login)] == [
        ("user", True, True),
        ("secret", False, True),
        ("url", True, False),
        ("options", True, False),
    ]
    assert dataclasses.fields(Point)[1].default == 0
    assert dataclasses.fields(Login)[3].default_factory is dict
    assert dataclasses.replace(Counted((1, 2)), items=(4,)).total == 4


def test_dataclasses_takes_a_subclass_after_its_base_was_looked_at() -> None:
    assert len(dataclasses.fields(Named)) == 2

    @dataclass(frozen=True, slots=True)
    class Late(Named):
        more: int = 0

    assert [each.name for each in dataclasses.fields(Late)] == ["name", "note", "more"]


def test_signature_of_a_value_needs_no_names_of_type_checkers() -> None:
    """`help` and hypothesis ask for it."""
    assert str(inspect.signature(NamedPoint)) == (
        "(x: 'int', marks: 'tuple[int, ...]' = (),"
        " *, name: 'str', note: 'str | None' = None) -> None"
    )
    assert "Unknown" in str(inspect.signature(Unresolved))
    assert "Unresolved" in pydoc.render_doc(Unresolved)


def test_values_of_plain_fields_are_not_followed_by_the_collector() -> None:
    assert not gc.is_tracked(Point(1, 2))
    assert gc.is_tracked(Box([]))


def test_only_frozen_classes_with_slots_are_made() -> None:
    with pytest.raises(TypeError, match="frozen=True and slots=True"):

        @dataclass(slots=True)
        class _Mutable:
            x: int

    with pytest.raises(TypeError, match="frozen=True and slots=True"):

        @dataclass(frozen=True)
        class _WithDict:
            x: int

            @cached_property
            def square(self) -> int:
                return self.x * self.x


def test_import_of_a_connection_executes_no_source_of_values() -> None:
    """Classes that others extend, or whose values change, are made by `dataclasses`."""
    script = """
import dataclasses
made = []
process = dataclasses._process_class
def noted(cls, *arguments, **options):
    made.append((cls.__module__, cls.__qualname__, arguments[5]))
    return process(cls, *arguments, **options)
dataclasses._process_class = noted
from peer import PeerConnection
extended = "peer.negotiation.sdp.description", "peer.negotiation.sdp.section", "peer.events"
print([m for m in made if m[0].startswith("peer") and m[2] and m[0] not in extended])
"""
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "[]"


def test_value_with_a_repr_of_its_own_keeps_it_where_fields_are_left_out() -> None:
    @dataclass(frozen=True, slots=True)
    class Secretive:
        secret: str
        derived: str = field(default="", repr=False)

        def __repr__(self) -> str:
            return "<Secretive>"

    assert repr(Secretive("password")) == "<Secretive>"
