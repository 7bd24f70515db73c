"""Forms: nested tuples of text, bytes and integers, which stand for code or values and are hashed.

Standard library only, and the same on every supported Python and for every hash seed.
"""

from __future__ import annotations

import hashlib
from typing import Any

Form = tuple[Any, ...]


def scalar(value: object) -> Form:
    """Return the form of a literal, with its type: 1, True and 1.0 differ, and so do 0.0 and -0.0.

    Examples
    --------
    >>> scalar(7), scalar(-0.0)
    (('int', '0x7'), ('float', '-0x0.0p+0'))
    """
    match value:
        case None:
            return ("None",)
        case bool():
            return ("bool", int(value))
        case int():
            return ("int", hex(value))  # decimal digits are limited to 4300
        case float():
            return ("float", value.hex())
        case complex():
            return ("complex", value.real.hex(), value.imag.hex())
        case str() | bytes():
            return (type(value).__name__, value)
        case _ if value is ...:
            return ("ellipsis",)
    raise TypeError(f"{type(value).__name__} is not a literal")


def encode(form: object) -> bytes:
    """Return bytes that stand for `form` and for no other one."""
    out: list[bytes] = []
    todo: list[Any] = [form]
    while todo:
        item = todo.pop()
        kind = type(item)  # most are plain tuples and texts, and `isinstance` takes several times as long
        if kind is tuple or isinstance(item, tuple):
            out.append(b"(%d:" % len(item))
            todo.extend(reversed(item))
        elif kind is str or isinstance(item, str):
            text = item.encode("utf-8", "surrogatepass")
            out.append(b"s%d:%s" % (len(text), text))
        elif isinstance(item, bytes):
            out.append(b"b%d:%s" % (len(item), item))
        elif item is None or isinstance(item, bool):
            out.append(f"{item}:".encode())
        elif isinstance(item, int):
            out.append(b"i%d:" % item)
        else:
            raise TypeError(f"a form holds no {type(item).__name__}")
    return b"".join(out)


def digest(form: object) -> str:
    """Return the SHA-256 of `form`, in hexadecimal."""
    return hashlib.sha256(encode(form)).hexdigest()
