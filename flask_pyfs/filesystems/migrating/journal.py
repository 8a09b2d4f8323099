"""How far a migration is: its source, its direction, and whether it is finished. One file of the target says so to all
processes.

In ``copying``, both stores count. ``finishing`` ends each copier, and both stores still count. ``finished`` comes when
no copier is left: from then on the store that is written to is the only one.

All processes must change at that moment: one that deletes a file leaves no tombstone from then on, and another would
take the file of the other store. So who has seen ``finishing`` asks before each operation, and ``finished`` comes only
when no process can have an answer from before ``finishing``.

A migration that is finished may turn. In ``clearing``, the store that does not count loses what it has, and the other
one keeps tombstones of what the app deletes. Who has seen ``turning`` asks before each operation. Then it copies in the
other direction, which from now on is that of all processes, whatever their settings say.
"""

from __future__ import annotations

import io
import json
import secrets
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
from .content import first_file
from .origin import Origin, forget

__all__ = ["Direction", "Interrupted", "Journal", "Phase", "State", "until_known"]

_PATH = Reserved(f"{MIGRATING}/state")

# the source of a migration has another name
_OVER = (
    "the target was that of another migration, which is finished: run flask fs migrate, which begins a new one, before "
    "an app uses it, or set SOURCE to the source of that one"
)
_OTHER = (
    "the target is that of a migration from another source, which is not finished: set SOURCE to that one, or take "
    "another TARGET or TARGET_PREFIX"
)

_SAME = (
    "the target is the same place as the source, in another spelling: set what tells them apart with SOURCE_ and "
    "TARGET_, such as TARGET_BUCKET, TARGET_ROOT or TARGET_PREFIX"
)

#: How old an answer may be by which an operation decides, in seconds.
MAX_AGE = 5.0

#: How long requests are awaited that are under way then, in seconds.
SLACK = 1.0

Direction = Literal["forward", "back"]


def until_known() -> float:
    """Return after how many seconds no process decides by what the journal said before."""
    return MAX_AGE + SLACK


class Phase(Enum):
    """What a migration does."""

    COPYING = "copying"
    FINISHING = "finishing"
    FINISHED = "finished"
    CLEARING = "clearing"
    TURNING = "turning"


@dataclass(frozen=True)
class State:
    """What the journal says.

    :param source: the name of the source, as :class:`Origin` has it; empty if it has none.
    :param direction: to which side the app writes: ``forward`` is the target.
    :param since: when this was written, by the clock of the target; None if that tells no times.
    :param version: the version of the file that says so. The target of a migration tells versions.
    :param is_turned: whether the direction was turned after an end, so that it is that of all processes.
    """

    source: str
    direction: Direction
    phase: Phase
    since: datetime | None
    version: str
    is_turned: bool = False

    @property
    def is_finished(self) -> bool:
        """Whether the store alone counts that is written to."""
        return self.phase in (Phase.FINISHED, Phase.CLEARING, Phase.TURNING)

    @property
    def is_binding(self) -> bool:
        """Whether the direction is that of all processes, whatever their settings say."""
        return self.is_finished or self.is_turned

    @property
    def is_ending(self) -> bool:
        """Whether another phase may begin at any moment, in which another store counts."""
        return self.phase in (Phase.FINISHING, Phase.TURNING)


class Interrupted(errors.OperationFailed):
    """The migration went on in another way while it was being finished."""

    default_message = "the migration was started again while it was being finished"


class Journal:
    """The journal of a migration. Errors are ``fs.errors``.

    :param store: the target.
    :param origin: the source. Without it, the journal of any source counts.
    """

    def __init__(self, store: StoreFS, origin: Origin | None = None) -> None:
        self.store = store
        self._origin = origin
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
            source, direction, phase, is_turned = _parsed(content)
            assert facts.version is not None
            state = State(source, direction, phase, facts.modified, facts.version, is_turned)
        with self._lock:
            # the answer to an older question may come later
            if self._known is None or self._known[0] <= asked:
                self._known = asked, state
        return state

    def _recent(self, max_age: float) -> State | None:
        known = self._known
        if known is None or time.monotonic() - known[0] >= min(max_age, MAX_AGE):
            return self.state()
        return self.state() if known[1] is not None and known[1].is_ending else known[1]

    def direction(self, configured: Direction) -> Direction:
        """Return the direction in which a process works that is configured for one. Requests as :meth:`finished`."""
        return _direction(self._recent(MAX_AGE), configured)

    def last_direction(self, configured: Direction) -> Direction:
        """Return the direction as far as it is known. No request."""
        return _direction(self._last(), configured)

    def finished(self, direction: Direction, max_age: float = MAX_AGE) -> bool:
        """Return whether the migration in this direction is finished, so that only the side counts that is written to.

        One request, if the last answer is older than ``max_age`` seconds, or was that another phase is about to begin.
        0 always asks.

        :param max_age: an answer is never older than :data:`MAX_AGE`.

        :raises StoreMisconfigured: if it is a migration from another source.
        """
        state = self._recent(max_age)
        if state is not None and not self._is_ours(state):
            raise StoreMisconfigured(_OVER if state.is_finished else _OTHER)
        return state is not None and state.direction == direction and state.is_finished

    def _is_ours(self, state: State) -> bool:
        return not state.source or self._origin is None or self._origin.is_named(state.source)

    def forgets(self, direction: Direction, max_age: float = MAX_AGE) -> bool:
        """Return whether the migration in this direction is finished and stays so, so that no tombstone is needed.
        Requests as :meth:`finished`.
        """
        state = self._recent(max_age)
        return state is not None and (state.direction, state.phase) == (direction, Phase.FINISHED)

    def is_over(self) -> bool:
        """Return whether the target was that of a migration from another source, which is finished. One request."""
        state = self.state()
        return state is not None and state.is_finished and not self._is_ours(state)

    def is_mirrored(self, source: str) -> bool:
        """Return whether what was noted of a source is part of this migration. No request, but for the first time.

        :param source: the name of the source, or an empty text if it has none.
        """
        if not source or source == self.source:
            return True
        # what is known does not change: with another source, this process would do nothing
        state = None if self.source else self.state()
        return state is not None and state.source == source

    @property
    def source(self) -> str:
        """The name of the source as far as it is known, or an empty text. No request."""
        state = self._last()
        return "" if state is None else state.source

    def named(self) -> str:
        """Return the name of the source, for what is noted of it. No request, but for the first time; then one, and
        some more if no copier has run yet.
        """
        if self._origin is not None and self._last() is None and self.state() is None:
            # in which direction is for the first copier to say
            self._start("forward", None)
            self.state()
        return self.source

    def begin(self, direction: Direction) -> None:
        """Note that copiers run in this direction. Those of the other one end. One request, and one to write it; for
        a new migration, some more.

        Nothing is written if the migration is finished in this direction.

        :raises StoreMisconfigured: if a migration from another source is not finished; or if the journal has turned the
            migration, or has finished it, in the other direction; or if both stores are one place.
        """
        while True:
            state = self.state()
            if state is None or (state.is_finished and not self._is_ours(state)):
                is_done = self._start(direction, state)
            else:
                self._require(state, direction)
                is_ours = state.direction == direction
                is_done = (is_ours and (state.is_finished or state.phase is Phase.COPYING)) or self._wrote(
                    state.source, direction, Phase.COPYING, state
                )
            if is_done:
                return

    def _start(self, direction: Direction, replaced: State | None) -> bool:
        # it is no source any more
        forget(self.store)
        return self._wrote(self._name(), direction, Phase.COPYING, replaced)

    def _name(self) -> str:
        name = "" if self._origin is None else self._origin.named()
        # settings do not tell each spelling of a place
        if name and Origin(self.store).name() == name:
            raise StoreMisconfigured(_SAME)
        return name

    def found_before(self) -> str | None:
        """Return a file that the target has before a migration begins; None if it has none, or if one has begun. One
        request, or two.
        """
        state = self.state()
        if state is not None and (not state.is_finished or self._is_ours(state)):
            return None
        return first_file(self.store)

    def required(self, direction: Direction) -> State | None:
        """Return what the journal says now, if a process may copy or finish in this direction. One request.

        :raises StoreMisconfigured: as :meth:`begin`, and if the migration from another source is finished.
        """
        state = self.state()
        if state is not None:
            self._require(state, direction)
        return state

    def _require(self, state: State, direction: Direction) -> None:
        if not self._is_ours(state):
            raise StoreMisconfigured(_OVER if state.is_finished else _OTHER)
        if state.direction == direction or not state.is_binding:
            return
        if state.is_finished:
            raise StoreMisconfigured(
                f"the migration {state.direction} is finished: flask fs migrate turns it {direction}, after it has "
                "deleted what is out of date"
            )
        raise StoreMisconfigured(
            f"the migration was turned {state.direction}, and is not finished: set DIRECTION to {state.direction!r} "
            f"and finish it, before it can go {direction}"
        )

    def finishing(self, direction: Direction) -> State:
        """Note that no copier is to run any more, and return the new state.

        :raises StoreMisconfigured: as :meth:`required`.
        """
        while True:
            state = self.required(direction)
            if state is not None and state.direction == direction and state.phase is not Phase.COPYING:
                return state
            source = self._name() if state is None else state.source
            if self._wrote(source, direction, Phase.FINISHING, state):
                written = self.state()
                if written is not None and (written.direction, written.phase) == (direction, Phase.FINISHING):
                    return written

    def finish(self, state: State) -> None:
        """Note that the migration is finished, unless another process did.

        :param state: what :meth:`finishing` returned.
        :raises Interrupted: if the journal says anything else by now.
        """
        is_done = state.is_finished or self._wrote(state.source, state.direction, Phase.FINISHED, state)
        if not is_done and not self.finished(state.direction, 0):
            raise Interrupted(_PATH)

    def to_turn(self, direction: Direction) -> State | None:
        """Return what the journal says now, if the migration is finished in the other direction; else None. One
        request.
        """
        state = self.state()
        is_other = state is not None and state.direction != direction and state.is_finished
        return state if state is not None and is_other and self._is_ours(state) else None

    def turn(self, state: State) -> bool:
        """Take the next step to the other direction: from ``finished`` to ``clearing``, to ``turning``, and then to
        ``copying`` in that direction. Return False if the journal says anything else than this state by now.
        """
        if state.phase is Phase.TURNING:
            other: Direction = "back" if state.direction == "forward" else "forward"
            return self._wrote(state.source, other, Phase.COPYING, state)
        phase = Phase.CLEARING if state.phase is Phase.FINISHED else Phase.TURNING
        return self._wrote(state.source, state.direction, phase, state)

    def _last(self) -> State | None:
        return None if self._known is None else self._known[1]

    def _wrote(self, source: str, direction: Direction, phase: Phase, replaced: State | None) -> bool:
        is_turned = False
        if replaced is not None and replaced.source == source:
            is_turned = replaced.is_turned if replaced.direction == direction else replaced.phase is Phase.TURNING
        told = {
            "source": source,
            "direction": direction,
            "phase": phase.value,
            "turned": is_turned,
            # of some stores, the same content is the same version
            "token": secrets.token_hex(8),
        }
        content = io.BytesIO(json.dumps(told).encode())
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


def _direction(state: State | None, configured: Direction) -> Direction:
    return configured if state is None or not state.is_binding else state.direction


def _parsed(content: bytes) -> tuple[str, Direction, Phase, bool]:
    try:
        found = json.loads(content)
        direction: Direction = {"forward": "forward", "back": "back"}[found["direction"]]  # type: ignore[assignment]
        return str(found["source"]), direction, Phase(found["phase"]), found.get("turned") is True
    except (ValueError, KeyError, TypeError) as error:
        raise StoreMisconfigured(
            f"the target has a file {_PATH} that no migration wrote: remove it, and run flask fs migrate again"
        ) from error
