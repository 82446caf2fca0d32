"""Every error graphrec raises on purpose, as one tree, free of HTTP.

::

    GraphrecError
    ├── InputError              what came in is wrong; names the field or file and line
    │   ├── SourceError         a file or folder to import cannot be read at all
    │   ├── ParameterError      a parameter of a query, request or command
    │   └── UnknownIdError      a well-formed id that the graph does not hold
    ├── StoreError              the graph engine refused or failed
    │   ├── StoreOwnedError     another process owns the embedded graph
    │   ├── StoreUnavailableError  the server cannot be reached; try again
    │   └── QueryError          a query file is wrong or its text was refused
    │       └── QueryLimitError     a query of one's own took too long, or too much memory
    ├── BundleError             no bundle, or a damaged one
    │   ├── BundleMissingError
    │   └── BundleDamagedError
    ├── ItemIndexError          the retrieval index was given what it cannot take
    ├── TrainingError           training cannot start or go on
    ├── AccessError             a key is missing, unknown, revoked or lacks the scope
    └── MissingExtraError       an optional part is not installed; names the extra
"""


class GraphrecError(Exception):
    """Base of the tree.

    Attributes:
        where: The place of the fault (file and line, event id, parameter), or "".
        remedy: What to do about it, one sentence, or "".
        exit_code: What the command line exits with.
    """

    exit_code = 1

    def __init__(self, message: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        """Return place, message and remedy as one line."""
        place = f"{self.where}: " if self.where else ""
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{place}{self.message}{remedy}"


class InputError(GraphrecError):
    """What came in is wrong."""

    exit_code = 2


class SourceError(InputError):
    """A file or folder cannot be read as what it was said to be."""


class ParameterError(InputError):
    """A parameter is missing, unknown, of the wrong type or out of range."""


class UnknownIdError(InputError):
    """A well-formed id that the graph does not hold."""

    exit_code = 3


class StoreError(GraphrecError):
    """The graph engine refused or failed."""

    exit_code = 4


class StoreOwnedError(StoreError):
    """Another process owns the embedded graph."""

    exit_code = 5


class StoreUnavailableError(StoreError):
    """The graph server cannot be reached."""


class QueryError(StoreError):
    """A query file is wrong, or the engine refused its text."""


class QueryLimitError(QueryError):
    """A query of one's own passed its time or its memory and was stopped."""


class BundleError(GraphrecError):
    """The model bundle cannot be used."""

    exit_code = 6


class BundleMissingError(BundleError):
    """There is no bundle under that name."""


class BundleDamagedError(BundleError):
    """A file of the bundle is missing or does not match its checksum."""


class ItemIndexError(GraphrecError):
    """The retrieval index was given what it cannot take."""

    exit_code = 2


class TrainingError(GraphrecError):
    """Training cannot start or go on."""

    exit_code = 7


class AccessError(GraphrecError):
    """A key is missing, unknown, revoked, or lacks the scope."""

    exit_code = 8


class MissingExtraError(GraphrecError):
    """An optional part is not installed."""

    exit_code = 9

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"'{package}' is not installed.",
            remedy=f"Install it with: pip install 'graphrec[{extra}]'",
        )
