"""Frozen dataclasses made without generated source: `dataclass`, and `replace` for their values.

`dataclasses.dataclass` writes and executes the source of each class, 0.8 ms for one, while its
module is imported. A class made here is a `msgspec.Struct`: 0.02 ms, and its values take a seventh
of the time to make. To type checkers it is a dataclass, and to `dataclasses` as well: `fields`,
`asdict`, `replace` and `is_dataclass` take it. What programs extend, and what changes, is made by
`dataclasses` itself: a `Struct` takes twice as long to assign to.
"""

from __future__ import annotations

import dataclasses
import inspect
from dataclasses import MISSING, Field
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from dataclasses import dataclass as dataclass
    from dataclasses import replace as replace

#: Names of a class that belong to that class alone; one that is made of the others has its own.
_OWN: Final = frozenset({"__dict__", "__weakref__", "__slots__", "__match_args__"})


class _ValueMeta(msgspec.StructMeta):
    """The class of classes of values.

    The signature that msgspec gives evaluates annotations, also those of names that are imported
    for type checkers alone: `help` fails of it.
    """

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(_twin(self))


def _dataclass(
    *,
    frozen: bool = False,
    slots: bool = False,
    kw_only: bool = False,
    eq: bool = True,
    order: bool = False,
) -> Callable[[type], type]:
    """Make the decorator of a class of frozen values, with the options of `dataclasses.dataclass`.

    Raises:
        TypeError: The values are not frozen, or have a `__dict__`: `dataclasses.dataclass` makes
            those.
    """
    if not (frozen and slots):
        raise TypeError("peer.values makes dataclasses with frozen=True and slots=True only")

    def decorate(cls: type) -> type:
        declared = list(vars(cls).get("__annotations__", ()))
        body = {name: value for name, value in vars(cls).items() if name not in _OWN}
        bases = cls.__bases__
        if isinstance(cls, _ValueMeta):
            # Its base is such a class: the class statement has made fields of what was declared.
            body = {name: value for name, value in body.items() if name not in declared}
            body |= {name: value for name, value in _defaults(cls) if name in declared}
        else:
            bases = (*(base for base in bases if base is not object), msgspec.Struct)
        own = {name: body[name] for name in declared if isinstance(body.get(name), Field)}
        for name, field in own.items():
            _set_default(body, name, field)
        specified = {**_inherited(cls), **own}
        for field in own.values():
            field.kw_only = kw_only
        body |= {name: _OfDataclass(specified, kw_only=kw_only) for name in _DATACLASS_NAMES}
        options: dict[str, Any] = {"kw_only": kw_only, "eq": eq, "order": order}
        made = _ValueMeta(cls.__name__, bases, body, frozen=True, **options)
        if "__repr__" not in body and any(not field.repr for field in specified.values()):
            _leave_out_of_repr(made, specified)
        if eq and any(not field.compare for field in specified.values()):
            _leave_out_of_comparison(made, specified)
        return made

    return decorate


def _defaults(cls: Any) -> Iterator[tuple[str, Any]]:
    """Give the defaults that a class has, by the names of their fields."""
    fields, defaults = cls.__struct_fields__, cls.__struct_defaults__
    for name, default in zip(fields[len(fields) - len(defaults) :], defaults, strict=True):
        if default is not msgspec.NODEFAULT:
            yield name, default


def _set_default(body: dict[str, Any], name: str, field: Field[Any]) -> None:
    """Put the default of a field into the body of a class as msgspec understands it."""
    if not field.init:
        body[name] = None  # until `__post_init__` assigns it
    elif field.default_factory is not MISSING:
        body[name] = msgspec.field(default_factory=field.default_factory)
    elif field.default is not MISSING:
        body[name] = field.default
    else:
        del body[name]


def _inherited(cls: type) -> dict[str, Field[Any]]:
    found: dict[str, Field[Any]] = {}
    for base in reversed(cls.__mro__[1:]):
        described = vars(base).get("__dataclass_fields__")
        if isinstance(described, _OfDataclass):
            found |= described.specified
    return found


def _leave_out_of_repr(cls: Any, specified: dict[str, Field[Any]]) -> None:
    """Keep secrets out of the text of a value, as `field(repr=False)` asks."""
    shown = [n for n in cls.__struct_fields__ if _takes_part(specified.get(n), in_="repr")]

    def repr_(self: Any) -> str:
        text = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
        return f"{type(self).__qualname__}({text})"

    cls.__repr__ = repr_


def _leave_out_of_comparison(cls: Any, specified: dict[str, Field[Any]]) -> None:
    """Compare values by some of their fields, as `field(compare=False)` asks."""
    fields = cls.__struct_fields__
    compared = attrgetter(*(n for n in fields if _takes_part(specified.get(n), in_="compare")))

    def eq(self: Any, other: object) -> Any:
        if type(other) is not type(self):
            return NotImplemented
        return compared(self) == compared(other)

    def hash_(self: Any) -> int:
        return hash(compared(self))

    cls.__eq__, cls.__hash__ = eq, hash_


def _takes_part(field: Field[Any] | None, *, in_: str) -> bool:
    return field is None or bool(getattr(field, in_))


class _OfDataclass:
    """An attribute by which `dataclasses` knows its classes, worked out when it is read.

    Args:
        specified: The fields that `dataclasses.field` describes, those of base classes included.
        kw_only: The fields that the class itself declares are given by name.
    """

    def __init__(self, specified: dict[str, Field[Any]], *, kw_only: bool) -> None:
        self.specified, self.kw_only = specified, kw_only

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, value: object, cls: Any) -> Any:
        return getattr(_twin(cls), self._name)


@cache
def _twin(cls: Any) -> type:
    """Make the class that `dataclasses` would have made: its fields and its signature."""
    defaults = dict(_defaults(cls))
    fields: dict[str, tuple[Any, Field[Any]]] = {}
    for base in reversed(cls.__mro__):
        described = vars(base).get(_DATACLASS_NAMES[0])
        if isinstance(described, _OfDataclass):
            for name, annotation in vars(base).get("__annotations__", {}).items():
                if name in cls.__struct_fields__:
                    field = described.specified.get(name) or _field(
                        defaults.get(name, MISSING), kw_only=described.kw_only
                    )
                    fields[name] = annotation, field
    described_fields = [(name, *each) for name, each in fields.items()]
    return dataclasses.make_dataclass(cls.__name__, described_fields, frozen=True)


def _field(default: Any, *, kw_only: bool) -> Field[Any]:
    field: Field[Any] = (
        dataclasses.field(kw_only=kw_only)
        if default is MISSING
        else dataclasses.field(default=default, kw_only=kw_only)
    )
    return field


def assign(value: Any, name: str, assigned: object) -> None:
    """Assign a field of a frozen value, from its `__post_init__` alone."""
    msgspec.structs.force_setattr(value, name, assigned)


_DATACLASS_NAMES: Final = ("__dataclass_fields__", "__dataclass_params__")

if not TYPE_CHECKING:
    dataclass = _dataclass
    replace = msgspec.structs.replace
