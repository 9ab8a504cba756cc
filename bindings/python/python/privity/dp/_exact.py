"""Losses as the decimal numbers that they are written as."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from numbers import Rational, Real
from typing import Any, Literal, TypeAlias

from .._checks import number, refuse

Number: TypeAlias = float | str | Decimal | Fraction
Neighbours = Literal["add_remove", "replace"]

RELATIONS: dict[str, str] = {
    "add_remove": "adding or removing a unit",
    "replace": "replacing a unit",
}


LEAST = Fraction(1, 2**40)


def exact(op: str, parameter: str, given: Any, least: Fraction = LEAST) -> Fraction:
    """A number above zero, as it is written: 0.1 is one tenth, not the float next to it."""
    value = None
    try:
        if isinstance(given, bool):
            pass
        elif isinstance(given, (Rational, Decimal, str)):
            value = Fraction(given)
        elif isinstance(given, Real) and math.isfinite(given):
            value = Fraction(repr(float(given)))
    except (ValueError, OverflowError, ZeroDivisionError):
        pass
    if value is None or not least <= value <= 2**40:
        refuse(
            op,
            f"{parameter} is not a number from {float(least):.2g} to 2^40",
            f"pass one as {parameter}, such as 0.5",
        )
    return value


def ratio(value: Fraction) -> tuple[int, int]:
    """As a quotient of 64-bit numbers, never above."""
    if value.numerator < 2**64 and value.denominator < 2**64:
        return value.numerator, value.denominator
    shift = 63 - math.floor(value).bit_length()
    return math.floor(value * 2**shift), 2**shift


def relation(op: str, given: Any) -> Neighbours:
    """The word for a neighbouring relation."""
    if given in ("add_remove", "add-remove"):
        return "add_remove"
    if given == "replace":
        return "replace"
    refuse(op, f"neighbours={str(given)[:20]!r} is unknown", 'use "add_remove" or "replace"')


def one_of(
    op: str, epsilon: Number | None, rho: Number | None
) -> tuple[Literal["epsilon", "rho"], Fraction]:
    """The loss, which is one of two."""
    if (epsilon is None) == (rho is None):
        refuse(op, "a loss is one of epsilon and rho", "pass epsilon=0.5, or rho=0.1")
    if epsilon is not None:
        return "epsilon", exact(op, "epsilon", epsilon)
    return "rho", exact(op, "rho", rho)


def step(op: str, granularity: Any) -> float | None:
    """A granularity, if there is one: a power of two."""
    if granularity is None:
        return None
    given = number(op, "granularity", granularity)
    if given <= 0 or math.frexp(given)[0] != 0.5:
        fix = "pass one such as 1.0, 0.25 or 2**-20"
        refuse(op, "granularity is not a power of two", fix)
    return given
