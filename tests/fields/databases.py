"""Databases that the column types are tested on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

#: The parameters of a fixture that yields a :func:`database` of each kind.
KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.server)]


@contextmanager
def database(request: Any, directory: Path, metadata: sqlalchemy.MetaData) -> Iterator[sqlalchemy.Engine]:
    """Yield an engine of the kind that a fixture is asked for. Its tables are new, and gone afterwards."""
    if request.param == "sqlite":
        engine = sqlite(f"sqlite:///{directory}/database")
    else:
        engine = sqlalchemy.create_engine(request.getfixturevalue("postgres_url"))
    metadata.drop_all(engine)
    metadata.create_all(engine)
    yield engine
    metadata.drop_all(engine)
    engine.dispose()


def sqlite(url: str = "sqlite://", **options: Any) -> sqlalchemy.Engine:
    """Return an engine of SQLite that has savepoints: the driver would begin and end transactions by itself."""
    engine = sqlalchemy.create_engine(url, **options)
    sqlalchemy.event.listen(engine, "connect", _prepare)
    sqlalchemy.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _prepare(raw: Any, record: Any) -> None:
    raw.isolation_level = None
    # no test takes the power from the disk
    raw.execute("PRAGMA synchronous = OFF")
