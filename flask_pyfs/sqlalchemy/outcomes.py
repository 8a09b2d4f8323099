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
    return level == "AUTOCOMMIT" or getattr(_driver(connection), "autocommit", None) is True or not is_open(connection)


def is_open(connection: Connection) -> bool:
    """Return whether the database has an open transaction; True also if the driver cannot tell.

    The sqlite3 of Python begins a transaction at the first change. Before that, a savepoint is a transaction of its
    own, and releasing it commits.
    """
    return getattr(_driver(connection), "in_transaction", None) is not False


def _driver(connection: Connection) -> Any:
    # a connection that was invalidated or closed has none
    if connection.closed or connection.invalidated:
        return None
    return connection.connection.dbapi_connection
