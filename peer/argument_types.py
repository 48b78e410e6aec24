"""Refuses arguments of another class than ours, such as W3C dictionaries, in one sentence. PURE."""

from __future__ import annotations

from collections.abc import Mapping


def wrong_class(value: object, wanted: type, *, place: str) -> str:
    """Word that an argument is of another class; the value itself may hold a secret.

    Args:
        value: The argument.
        wanted: The class that it has to be of.
        place: What takes the argument, such as `setRemoteDescription`.
    """
    name = wanted.__name__
    article = "an" if name[0] in "AEIOU" else "a"
    sentence = f"{place} takes {article} {name}, not {type(value).__name__}"
    if isinstance(value, Mapping):
        return f"{sentence}: {name}(**...) makes one of a dictionary"
    return sentence


def check_fields(value: object, wanted: type, *names: str, place: str) -> None:
    """Refuse an argument without the fields of a class of ours.

    Args:
        value: The argument; an object of another library with the same fields will do.
        wanted: The class that has the fields.
        names: The names of the fields.
        place: What takes the argument.

    Raises:
        TypeError: A field is missing.
    """
    if not all(hasattr(value, name) for name in names):
        raise TypeError(wrong_class(value, wanted, place=place))
