"""The rules of savepoints, for state machines of rows."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from sqlalchemy.orm import Session, SessionTransaction


class Savepoints(RuleBasedStateMachine):
    """A machine with a session, whose savepoints nest."""

    session: Session

    def __init__(self) -> None:
        super().__init__()
        self.savepoints: list[SessionTransaction] = []

    @rule()
    def begin_savepoint(self) -> None:
        self.savepoints.append(self.session.begin_nested())

    @precondition(lambda self: self.savepoints)
    @rule(end=st.sampled_from(["commit", "rollback"]))
    def end_savepoint(self, end: Any) -> None:
        getattr(self.savepoints.pop(), end)()
