"""Private half of `privity`; see the Python modules for the documentation."""

import os
from collections.abc import Callable
from typing import Any, TypeAlias, final

__all__ = [
    "Column",
    "Identity",
    "Policy",
    "PsiCommon",
    "PsiSource",
    "Session",
    "Table",
    "__version__",
    "count_noise",
    "dry_run",
    "local",
    "open",
    "psi",
    "psi_estimate",
    "psi_local",
    "psi_totals",
    "psi_totals_local",
    "scorecard_edges",
    "scorecard_evidence",
    "scorecard_fit",
    "scorecard_ranking",
]

_ColumnData: TypeAlias = list[Any] | tuple[str, bytes]
_PartyRow: TypeAlias = tuple[str, bool, bool, bool]
_SchemaRow: TypeAlias = tuple[str, str, int | None]

__version__: str

@final
class Policy:
    """What a party allows to be done with its columns."""

    @staticmethod
    def parse(text: str) -> Policy:
        """Reads TOML text."""
    @staticmethod
    def load(path: str | os.PathLike[str]) -> Policy:
        """Reads a TOML file."""
    @staticmethod
    def allow_all() -> Policy:
        """Allows everything to everybody: for learning and for tests."""
    @staticmethod
    def deny_all() -> Policy:
        """Refuses every operation."""

@final
class Identity:
    """A party's private key. Peers know it by its fingerprint."""

    @staticmethod
    def generate() -> Identity:
        """A new key from the operating system's generator."""
    @staticmethod
    def load(path: str | os.PathLike[str]) -> Identity:
        """Reads a key file, which only its owner may be able to read."""
    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the key to a new file that only its owner can read."""
    @property
    def fingerprint(self) -> str:
        """What peers pin."""

@final
class Table:
    """A party's own table, checked."""

    @staticmethod
    def from_csv(path: str | os.PathLike[str], missing: str) -> Table: ...
    @staticmethod
    def from_parquet(path: str | os.PathLike[str], missing: str) -> Table: ...
    @staticmethod
    def from_arrow(source: str, data: Any, missing: str) -> Table: ...
    @staticmethod
    def from_columns(
        source: str, columns: list[tuple[str, _ColumnData]], missing: str
    ) -> Table: ...
    def schema(self) -> list[_SchemaRow]:
        """Name, kind and number of levels of each column."""
    @property
    def rows(self) -> int:
        """How many."""

@final
class Column:
    """A party's own column in the common order of a joint table."""

    @property
    def name(self) -> str: ...
    def __len__(self) -> int: ...
    def to_list(self) -> list[Any]:
        """The values as a list."""
    def __arrow_c_array__(
        self, requested_schema: object | None = None
    ) -> tuple[object, object]: ...

@final
class Session:
    @property
    def name(self) -> str: ...
    @property
    def parties(self) -> list[_PartyRow]: ...
    @property
    def is_dry(self) -> bool: ...
    @property
    def closed(self) -> bool: ...
    def bind(
        self, table: Table | None, progress: Callable[[dict[str, Any]], object] | None = None
    ) -> int: ...
    def pay_from(self, path: str | os.PathLike[str]) -> None:
        """Pays for releases with noise from this ledger."""
    def choose_alignment(self, on: list[str]) -> tuple[bool, str]:
        """Whether to align hidden, and why."""
    def perform(
        self, op: str, progress: Callable[[dict[str, Any]], object] | None = None
    ) -> tuple[dict[str, Any], list[str]]: ...
    def columns(self, table: int) -> list[tuple[str, str | None, str]]: ...
    def own_column(self, table: int, column: str) -> Column: ...
    def cancel(self) -> None: ...
    def costs(self) -> list[dict[str, Any]]: ...
    def explain(self) -> list[dict[str, Any]]: ...
    def audit(self) -> str: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...

def count_noise(margins: int, epsilon: float, delta: float, joint: bool) -> tuple[str, float]: ...
def scorecard_evidence(
    labels: list[list[list[float]]], rows: int, deviation: float
) -> tuple[list[list[float]], list[float], float]: ...
def scorecard_fit(
    woe: list[list[float]],
    log_odds: float,
    labels: list[list[list[float]]],
    pairs: list[tuple[int, int, list[list[float]]]],
    rows: int,
    deviations: list[float],
) -> tuple[list[float], list[list[int]]]: ...
def scorecard_edges(points: list[list[int]], bands: int) -> list[int]: ...
def scorecard_ranking(
    bands: list[list[float]], deviation: float
) -> tuple[float, float, float] | None: ...
def open(path: str | os.PathLike[str]) -> Session: ...
def local(parties: list[tuple[_PartyRow, Policy]]) -> list[Session]: ...
def dry_run(
    parties: list[tuple[_PartyRow, Policy, list[_SchemaRow] | None, int]],
    common_rows: int | None,
    first_part: float,
) -> list[Session]: ...

@final
class PsiSource:
    """A table whose rows are compared."""

    @staticmethod
    def open(path: str | os.PathLike[str], delimiter: str) -> PsiSource: ...
    @staticmethod
    def from_arrow(name: str, data: Any) -> PsiSource: ...
    @staticmethod
    def from_columns(name: str, columns: list[tuple[str, _ColumnData]]) -> PsiSource: ...
    def rows(self) -> int: ...

@final
class PsiCommon:
    """What a party has after a comparison."""

    def rows(self) -> bytes | None: ...
    def others(self) -> bytes | None: ...
    @property
    def figures(
        self,
    ) -> tuple[list[int], int | None, bool, tuple[int, int], int]: ...
    def write(
        self,
        source: PsiSource,
        path: str | os.PathLike[str],
        join: str,
        order: str,
        place: str | None,
        columns: bool,
    ) -> int: ...

def psi(
    path: str | os.PathLike[str],
    peer: str | None,
    source: PsiSource,
    options: dict[str, Any],
    progress: Callable[..., object] | None,
) -> PsiCommon: ...
def psi_local(
    parties: list[tuple[str, PsiSource, Policy, dict[str, Any]]],
) -> list[PsiCommon]: ...
def psi_estimate(
    options: dict[str, Any], rows: list[int], common: int
) -> tuple[list[int], int, float]: ...
def psi_totals(
    path: str | os.PathLike[str],
    peer: str | None,
    source: PsiSource,
    options: dict[str, Any],
    sums: list[str],
    at_least: int,
) -> tuple[int, list[tuple[str, str, float]]] | None: ...
def psi_totals_local(
    parties: list[tuple[str, PsiSource, Policy, dict[str, Any], list[str]]],
    at_least: int,
) -> list[tuple[int, list[tuple[str, str, float]]] | None]: ...
