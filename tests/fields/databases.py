"""Databases that the column types are tested on."""

from typing import Any

import sqlalchemy


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
