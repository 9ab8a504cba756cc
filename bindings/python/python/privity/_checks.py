"""Checks of arguments, and warnings that point at the caller."""

from __future__ import annotations

import math
import os
import sys
import warnings
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any, NoReturn

from .exceptions import ArgumentError, PrivityWarning

_PACKAGE = os.path.dirname(__file__) + os.sep


def refuse(op: str, rule: str, fix: str) -> NoReturn:
    """Raises the error of a wrong argument."""
    raise ArgumentError(f"{op}: {rule}; {fix}", op=op, rule=rule, fix=fix)


def names(op: str, parameter: str, given: Any) -> list[str]:
    """A list of names. A text is an error: it would be a list of letters."""
    if isinstance(given, str):
        refuse(op, f"{parameter} is one text, not a list", f"pass a list: [{str(given)!r}]")
    if not isinstance(given, Iterable):
        refuse(op, f"{parameter} is of type {type(given).__name__}", "pass a list of names")
    listed = list(given)
    for name in listed:
        if not isinstance(name, str):
            refuse(
                op, f"{parameter} holds an object of type {type(name).__name__}", "pass only names"
            )
    return listed


def integer(op: str, parameter: str, given: Any, least: int, most: int) -> int:
    """A whole number in a range."""
    if isinstance(given, Integral) and not isinstance(given, bool):
        value = int(given)
        if least <= value <= most:
            return value
    refuse(
        op,
        f"{parameter}={_show(given)} is not a whole number from {least} to {most}",
        f"pass an int from {least} to {most} as {parameter}",
    )


def number(op: str, parameter: str, given: Any) -> float:
    """A number that is neither infinite nor NaN."""
    if isinstance(given, Real) and not isinstance(given, bool):
        value = float(given)
        if math.isfinite(value):
            return value
    refuse(
        op,
        f"{parameter}={_show(given)} is not a finite number",
        f"pass a finite number as {parameter}",
    )


def _show(given: Any) -> str:
    if given is None or isinstance(given, (str, int, float)) or hasattr(given, "item"):
        return repr(given)[:40]
    return f"<{type(given).__name__}>"


def warn(text: str) -> None:
    """Warns at the line that called this package."""
    level, frame = 2, sys._getframe(1)
    while frame.f_code.co_filename.startswith(_PACKAGE) and frame.f_back is not None:
        level, frame = level + 1, frame.f_back
    warnings.warn(text, PrivityWarning, stacklevel=level)
