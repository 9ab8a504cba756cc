"""Private half of `privity`; see the Python modules for the documentation."""

import os
from collections.abc import Callable
from typing import Any, TypeAlias, final

__all__ = [
    "Column",
    "DpAccountant",
    "DpFilter",
    "DpLedger",
    "DpQuery",
    "DpRelease",
    "DpResponse",
    "DpRows",
    "DpSparse",
    "DpSpend",
    "DpTree",
    "Identity",
    "Policy",
    "PsiCommon",
    "PsiSource",
    "Session",
    "Table",
    "__version__",
    "count_noise",
    "dp_calibrate",
    "dp_calibrated",
    "dp_choose",
    "dp_gaussian_sigma",
    "dp_integers",
    "dp_reals",
    "dp_rho_within",
    "dp_zcdp_epsilon",
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

_Given: TypeAlias = tuple[str, int, int]
_Asked: TypeAlias = tuple[str, int, int, _Given]
_PartRow: TypeAlias = tuple[
    str,
    tuple[Any, float, float] | None,
    int,
    tuple[float, float, float],
    tuple[Any, ...],
]
_Amount: TypeAlias = tuple[str, str]

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

@final
class DpQuery:
    """A question to data, with its protection."""

    @staticmethod
    def count(asked: _Asked) -> DpQuery: ...
    @staticmethod
    def sum(bounds: tuple[float, float], granularity: float | None, asked: _Asked) -> DpQuery: ...
    @staticmethod
    def mean(bounds: tuple[float, float], granularity: float | None, asked: _Asked) -> DpQuery: ...
    @staticmethod
    def variance(bounds: tuple[float, float], asked: _Asked) -> DpQuery: ...
    @staticmethod
    def covariance(bounds: list[tuple[float, float]], asked: _Asked) -> DpQuery: ...
    @staticmethod
    def histogram(bounds: tuple[float, float], bins: int, asked: _Asked) -> DpQuery: ...
    @staticmethod
    def histogram_with_edges(edges: list[float], asked: _Asked) -> DpQuery: ...
    @staticmethod
    def public_keys(keys: int, asked: _Asked) -> DpQuery: ...
    @staticmethod
    def private_keys(delta: float, asked: _Asked) -> DpQuery: ...
    @staticmethod
    def quantile(
        q: float, bounds: tuple[float, float], granularity: float | None, asked: _Asked
    ) -> DpQuery: ...
    @staticmethod
    def quantiles(
        q: list[float], bounds: tuple[float, float], granularity: float | None, asked: _Asked
    ) -> DpQuery: ...
    @staticmethod
    def contingency(sizes: list[int], asked: _Asked) -> DpQuery: ...
    @staticmethod
    def linear_regression(
        features: list[tuple[float, float]],
        target: tuple[float, float],
        penalty: float,
        asked: _Asked,
    ) -> DpQuery: ...
    @staticmethod
    def logistic_regression(
        features: list[tuple[float, float]], penalty: float, asked: _Asked
    ) -> DpQuery: ...
    def explain(
        self, level: float
    ) -> tuple[str, float | None, list[_PartRow], float | None, int | None]: ...
    def read(self, columns: list[Any], ids: Any | None) -> DpRows: ...
    def release(self, rows: DpRows) -> DpRelease: ...

@final
class DpRows:
    """Data for a query."""

@final
class DpRelease:
    """A released value and what it cost."""

    def value(self) -> Any: ...
    def parts(self) -> list[_PartRow]: ...
    def interval(self, level: float) -> Any | None: ...
    def half_width(self, level: float) -> float | None: ...

def dp_integers(values: Any, sensitivity: int, given: _Given) -> DpRelease: ...
def dp_calibrated(value: Any, sensitivity: int, epsilon: float, delta: float) -> DpRelease: ...
def dp_reals(
    values: Any, sensitivity: float, granularity: float, relation: str, given: _Given
) -> DpRelease: ...
def dp_choose(
    how: str, utilities: Any, sensitivity: int, monotonic: bool, epsilon: tuple[int, int]
) -> DpRelease: ...

@final
class DpSparse:
    def __new__(
        cls,
        threshold: int,
        sensitivity: int,
        above: int,
        monotonic: bool,
        epsilon: tuple[int, int],
    ) -> DpSparse: ...
    def ask(self, answer: int) -> bool | None: ...
    def left(self) -> int: ...

@final
class DpTree:
    def __new__(
        cls,
        horizon: int,
        bounds: tuple[float, float],
        granularity: float | None,
        relation: str,
        given: _Given,
    ) -> DpTree: ...
    def push(self, x: float) -> float: ...
    def part(self) -> _PartRow: ...

@final
class DpResponse:
    def __new__(cls, how: str, values: int, epsilon: tuple[int, int]) -> DpResponse: ...
    def respond(self, values: Any) -> bytes: ...
    def estimate(self, reports: Any) -> tuple[list[float], list[float]]: ...
    def event(self) -> tuple[Any, ...]: ...

@final
class DpAccountant:
    def __new__(cls, by: str, relation: str, grid: float | None) -> DpAccountant: ...
    def compose(self, event: Any, times: int) -> None: ...
    def epsilon(self, delta: float) -> float: ...
    def delta(self, epsilon: float) -> float: ...
    def events(self) -> list[tuple[tuple[Any, ...], int]]: ...
    def copy(self) -> DpAccountant: ...

@final
class DpFilter:
    @staticmethod
    def preset(accountant: DpAccountant, epsilon: float, delta: float) -> DpFilter: ...
    @staticmethod
    def adaptive(relation: str, epsilon: float, delta: float) -> DpFilter: ...
    def spend(self, event: Any, times: int) -> None: ...
    def spent(self) -> float: ...

def dp_calibrate(
    accountant: DpAccountant,
    epsilon: float,
    delta: float,
    range: tuple[float, float],
    events: Callable[[float], list[tuple[Any, int]]],
) -> float: ...
def dp_gaussian_sigma(epsilon: float, delta: float, sensitivity: float) -> float: ...
def dp_rho_within(epsilon: float, delta: float) -> tuple[int, int]: ...
def dp_zcdp_epsilon(rho: float, delta: float) -> float: ...

@final
class DpLedger:
    @staticmethod
    def create(path: str | os.PathLike[str]) -> DpLedger: ...
    @staticmethod
    def open(path: str | os.PathLike[str]) -> DpLedger: ...
    @property
    def path(self) -> os.PathLike[str]: ...
    def grant(
        self,
        data_set: str,
        unit: str,
        relation: str,
        measure: str,
        cap: _Amount,
        recipients: list[tuple[str, _Amount]],
    ) -> None: ...
    def reserve(
        self,
        data_set: str,
        recipients: list[str],
        measure: str,
        cost: _Amount,
        session: str,
        operation: list[int],
        note: str,
    ) -> DpSpend: ...
    def balance(self, data_set: str) -> dict[str, Any]: ...
    def balances(self) -> list[dict[str, Any]]: ...
    def history(self, data_set: str | None) -> list[dict[str, Any]]: ...
    def head(self) -> str: ...
    def check_head(self, head: str) -> None: ...

@final
class DpSpend:
    @property
    def number(self) -> int: ...
    def begin(self) -> None:
        """From here on noise may be drawn, and nothing is given back."""
    def cancel(self) -> None:
        """Gives the charge back, if it has not begun."""
    def commit(self) -> None:
        """Notes that it is finished."""
