"""How far a migration is: its direction, and whether it is finished. One file of the target says so to all processes.

The file has one of three phases. In ``copying``, both stores count. ``finishing`` ends each copier, and both stores
still count. ``finished`` comes when no copier is left: from then on the store that is written to is the only one.

All processes must change at that moment: one that deletes a file leaves no tombstone from then on, and another would
take the file of the other store. So who has seen ``finishing`` asks before each operation, and ``finished`` comes only
when no process can have an answer from before ``finishing``.
"""

from __future__ import annotations

import io
import json
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Literal

from fs import errors

from ...errors import StoreMisconfigured
from ...names import Reserved
from ..store import MIGRATING, OtherVersion, StoreFS

__all__ = ["MAX_AGE", "Direction", "Interrupted", "Journal", "Phase", "State"]

_PATH = Reserved(f"{MIGRATING}/state")

#: How old an answer may be by which an operation decides, in seconds.
MAX_AGE = 5.0

Direction = Literal["forward", "back"]


class Phase(Enum):
    """What a migration does."""

    COPYING = "copying"
    FINISHING = "finishing"
    FINISHED = "finished"


@dataclass(frozen=True)
class State:
    """What the journal says.

    :param direction: to which side the app writes: ``forward`` is the target.
    :param since: when this was written, by the clock of the target; None if that tells no times.
    :param version: the version of the file that says so. The target of a migration tells versions.
    """

    direction: Direction
    phase: Phase
    since: datetime | None
    version: str


class Interrupted(errors.OperationFailed):
    """The migration went on in another way while it was being finished."""

    default_message = "the migration was started again while it was being finished"


class Journal:
    """The journal of a migration. Errors are ``fs.errors``.

    :param store: the target.
    """

    def __init__(self, store: StoreFS) -> None:
        self.store = store
        self._lock = threading.Lock()
        self._known: tuple[float, State | None] | None = None

    def state(self) -> State | None:
        """Return what the journal says now, or None if no copier has ever run. One request.

        :raises StoreMisconfigured: if the file is not one of a journal.
        """
        asked = time.monotonic()
        try:
            facts, file = self.store.fetch(_PATH)
            with file:
                content = file.read()
        except errors.ResourceNotFound:
            state = None
        else:
            direction, phase = _parsed(content)
            assert facts.version is not None
            state = State(direction, phase, facts.modified, facts.version)
        with self._lock:
            # the answer to an older question may come later
            if self._known is None or self._known[0] <= asked:
                self._known = asked, state
        return state

    def finished(self, direction: Direction, max_age: float = MAX_AGE) -> bool:
        """Return whether the migration in this direction is finished, so that only the side counts that is written to.

        One request, if the last answer is older than ``max_age`` seconds, or was that the migration is being finished.
        0 always asks.

        :param max_age: an answer is never older than :data:`MAX_AGE`.

        :raises StoreMisconfigured: for ``back``, if the migration is finished forward: what the source has is out of
            date.
        """
        known = self._known
        if known is None or time.monotonic() - known[0] >= min(max_age, MAX_AGE) or _is_ending(known[1]):
            state = self.state()
        else:
            state = known[1]
        if state is None or state.phase is not Phase.FINISHED:
            return False
        if state.direction == direction:
            return True
        if direction == "back":
            raise StoreMisconfigured(
                "the migration to the target is finished, and the source is out of date: go on with the target alone; "
                "to use the old store again, empty it and migrate to it as the TARGET"
            )
        return False

    def begin(self, direction: Direction) -> None:
        """Note that copiers run in this direction. Those of the other one end. One request, and one to write it.

        Nothing is written if the migration is finished in this direction.

        :raises StoreMisconfigured: as :meth:`finished`.
        """
        while not self.finished(direction, 0):
            state = self._last()
            if state is not None and (state.direction, state.phase) == (direction, Phase.COPYING):
                return
            if self._wrote(direction, Phase.COPYING, state):
                return

    def finishing(self, direction: Direction) -> State:
        """Note that no copier is to run any more, and return the new state."""
        while True:
            state = self.state()
            if state is not None and state.direction == direction and state.phase is not Phase.COPYING:
                return state
            if self._wrote(direction, Phase.FINISHING, state):
                written = self.state()
                if written is not None and (written.direction, written.phase) == (direction, Phase.FINISHING):
                    return written

    def finish(self, state: State) -> None:
        """Note that the migration is finished.

        :param state: what :meth:`finishing` returned.
        :raises Interrupted: if the journal says anything else by now.
        """
        if state.phase is not Phase.FINISHED and not self._wrote(state.direction, Phase.FINISHED, state):
            raise Interrupted(_PATH)

    def _last(self) -> State | None:
        return None if self._known is None else self._known[1]

    def _wrote(self, direction: Direction, phase: Phase, replaced: State | None) -> bool:
        content = io.BytesIO(json.dumps({"direction": direction, "phase": phase.value}).encode())
        try:
            if replaced is None:
                self.store.put(_PATH, content, overwrite=False)
            else:
                self.store.replace_version(_PATH, content, replaced.version)
        except (errors.FileExists, OtherVersion):
            return False
        finally:
            with self._lock:
                self._known = None
        return True


def _is_ending(state: State | None) -> bool:
    return state is not None and state.phase is Phase.FINISHING


def _parsed(content: bytes) -> tuple[Direction, Phase]:
    try:
        found = json.loads(content)
        direction: Direction = {"forward": "forward", "back": "back"}[found["direction"]]  # type: ignore[assignment]
        return direction, Phase(found["phase"])
    except (ValueError, KeyError, TypeError) as error:
        raise StoreMisconfigured(
            f"the target has a file {_PATH} that no migration wrote: remove it, and run flask fs migrate again"
        ) from error
