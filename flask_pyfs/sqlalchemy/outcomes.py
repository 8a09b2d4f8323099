"""Whether a database has committed what a session believes that it can still roll back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection


def commits_at_once(connection: Connection) -> bool:
    """Return whether the statement that a connection has just executed is committed already.

    So it is with the isolation level AUTOCOMMIT, and if the driver was told so past SQLAlchemy. No statement.
    """
    level = connection.get_execution_options().get("isolation_level")
    if level is None:
        # the parameter isolation_level of create_engine
        level = getattr(connection.dialect, "_on_connect_isolation_level", None)
    return level == "AUTOCOMMIT" or _answer(connection, "autocommit") is True or not is_open(connection)


def is_open(connection: Connection) -> bool:
    """Return whether the database has an open transaction; True also if the driver cannot tell.

    The sqlite3 of Python begins a transaction at the first change. Before that, a savepoint is a transaction of its
    own, and releasing it commits.
    """
    return _answer(connection, "in_transaction") is not False


def is_aborted(connection: Connection) -> bool:
    """Return whether PostgreSQL will roll back the transaction when it gets COMMIT, because a statement failed."""
    # TRANSACTION_STATUS_INERROR of libpq
    return bool(getattr(_answer(connection, "info"), "transaction_status", None) == 3)


def _answer(connection: Connection, attribute: str) -> Any:
    # a connection that was invalidated or closed has no driver
    if connection.closed or connection.invalidated:
        return None
    pooled = connection.connection
    # an asynchronous driver is behind an adapter
    for driver in (pooled.dbapi_connection, pooled.driver_connection):
        if isinstance(answer := getattr(driver, attribute, None), bool) or attribute == "info":
            return answer
    return None
