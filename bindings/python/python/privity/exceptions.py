"""Every error and warning of privity.

All derive from :class:`PrivityError`. Those about a caller's own input are
also ``ValueError``. Messages never contain a value of a table: they name the
file, the row, the column, the rule and the fix.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence

__all__ = [
    "ArgumentError",
    "AuditError",
    "CancelledError",
    "ConfigError",
    "DataError",
    "DeviationError",
    "DivergenceError",
    "FileError",
    "InternalError",
    "LedgerError",
    "OverspentError",
    "PeerStoppedError",
    "PolicyError",
    "PrivityError",
    "PrivityWarning",
    "SessionClosedError",
    "TimeoutError",
    "TransportError",
]


class PrivityWarning(UserWarning):
    """Something that is not wrong, and that a statistician would want to know."""


class PrivityError(Exception):
    """The base of all errors of privity.

    ``culprits`` names the parties that the error accuses or misses.
    """

    culprits: tuple[str, ...]

    def __init__(self, message: str = "", *, culprits: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.culprits = tuple(culprits)


class DataError(PrivityError, ValueError):
    """A table or an identifier breaks a rule.

    >>> import privity as pv
    >>> try:
    ...     pv.table({"age": [31, None]}, name="customers")
    ... except pv.DataError as e:
    ...     print(e.file, e.row, e.column)
    customers 2 age
    """

    def __init__(
        self,
        message: str = "",
        *,
        file: str | None = None,
        row: int | None = None,
        line: int | None = None,
        column: str | None = None,
        rule: str | None = None,
        fix: str | None = None,
        culprits: Sequence[str] = (),
    ) -> None:
        super().__init__(message, culprits=culprits)
        #: The file, or the name that the table was given.
        self.file = file
        #: The data row, from 1.
        self.row = row
        #: The line of the file, from 1, for text files.
        self.line = line
        #: The column or columns.
        self.column = column
        #: What does not hold.
        self.rule = rule
        #: What to do.
        self.fix = fix


class ArgumentError(PrivityError, ValueError):
    """A function was called with something it cannot work with."""

    def __init__(
        self,
        message: str = "",
        *,
        op: str | None = None,
        rule: str | None = None,
        fix: str | None = None,
        culprits: Sequence[str] = (),
    ) -> None:
        super().__init__(message, culprits=culprits)
        self.op = op
        self.rule = rule
        self.fix = fix


class ConfigError(PrivityError, ValueError):
    """A configuration or policy file is wrong."""

    def __init__(
        self,
        message: str = "",
        *,
        file: str | None = None,
        rule: str | None = None,
        fix: str | None = None,
        culprits: Sequence[str] = (),
    ) -> None:
        super().__init__(message, culprits=culprits)
        self.file = file
        self.rule = rule
        self.fix = fix


class PolicyError(PrivityError):
    """This party's own policy does not allow the operation.

    ``fix`` is the TOML that would allow it.
    """

    def __init__(
        self,
        message: str = "",
        *,
        op: str | None = None,
        party: str | None = None,
        rule: str | None = None,
        fix: str | None = None,
        culprits: Sequence[str] = (),
    ) -> None:
        super().__init__(message, culprits=culprits)
        self.op = op
        self.party = party
        self.rule = rule
        self.fix = fix


class DivergenceError(PrivityError):
    """The parties' programs differ; ``ours`` and ``theirs`` are the operations."""

    def __init__(
        self,
        message: str = "",
        *,
        sequence: int | None = None,
        ours: str | None = None,
        theirs: str | None = None,
        culprits: Sequence[str] = (),
    ) -> None:
        super().__init__(message, culprits=culprits)
        self.sequence = sequence
        self.ours = ours
        self.theirs = theirs


class PeerStoppedError(PrivityError):
    """A peer did not take part in an operation, and said so."""

    def __init__(
        self, message: str = "", *, op: str | None = None, culprits: Sequence[str] = ()
    ) -> None:
        super().__init__(message, culprits=culprits)
        self.op = op


class DeviationError(PrivityError):
    """A peer sent something that the protocol does not allow."""


class TransportError(PrivityError):
    """A peer cannot be reached, or its link is gone."""


class TimeoutError(TransportError, builtins.TimeoutError):
    """Nothing came from a peer within the configured time."""


class CancelledError(PrivityError):
    """The work was cancelled."""


class SessionClosedError(PrivityError, ValueError):
    """The session is closed, or belongs to another process."""


class FileError(PrivityError):
    """A file cannot be read or written."""

    def __init__(
        self, message: str = "", *, file: str | None = None, culprits: Sequence[str] = ()
    ) -> None:
        super().__init__(message, culprits=culprits)
        self.file = file


class AuditError(FileError):
    """The audit record is damaged or was changed."""


class LedgerError(FileError):
    """A budget ledger cannot be used; nothing was released.

    ``kind`` is a word: missing, exists, foreign, newer, damaged, undone, moved,
    busy, denied, full, disk or forked.
    """

    def __init__(
        self,
        message: str = "",
        *,
        file: str | None = None,
        kind: str | None = None,
        rule: str | None = None,
        fix: str | None = None,
        culprits: Sequence[str] = (),
    ) -> None:
        super().__init__(message, file=file, culprits=culprits)
        self.kind = kind
        self.rule = rule
        self.fix = fix


class OverspentError(PrivityError):
    """A release would cost more than is left of a privacy budget. Nothing was released.

    ``whose`` says of which data set, or of which recipient; ``cost``, ``left`` and
    ``cap`` are texts such as ``"epsilon 0.3"``. All are None if a filter refused.
    """

    def __init__(
        self,
        message: str = "",
        *,
        whose: str | None = None,
        cost: str | None = None,
        left: str | None = None,
        cap: str | None = None,
        culprits: Sequence[str] = (),
    ) -> None:
        super().__init__(message, culprits=culprits)
        self.whose = whose
        self.cost = cost
        self.left = left
        self.cap = cap


class InternalError(PrivityError):
    """A bug in privity. Please report it."""
