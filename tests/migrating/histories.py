"""Whether what operations returned can be explained by one order of them, in which each takes place at one moment."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

#: What a name has that has no file.
MISSING = None

#: An operation that raised nothing and returned nothing.
DONE = "done"

Content = bytes | None


@dataclass
class Event:
    """An operation on one name.

    :param kind: ``read``, ``write``, ``new``, ``delete``, ``delete_version``, ``replace``, ``copied``,
        ``taken`` (what a copy reads) or ``moved``.
    :param content: what it writes, or the content of the version that it names.
    :param new: what ``replace`` writes.
    :param choice: what ``copied`` may write.
    :param is_disturbed: whether something else may have written while ``moved`` ran.
    :param start: when it started.
    :param end: when it ended, None if it was killed.
    :param result: what it returned: of a read the content; of others DONE, or a word for the error.
    """

    kind: str
    content: Content = None
    new: Content = None
    choice: Collection[Content] = ()
    is_disturbed: bool = False
    start: int = 0
    end: int | None = None
    result: Any = None
    text: str = field(default="", repr=False)

    @property
    def writes(self) -> bool:
        return self.kind in ("write", "new", "replace", "copied")

    def overlaps(self, other: Event) -> bool:
        return all(one.end is None or one.end >= two.start for one, two in ((self, other), (other, self)))

    @property
    def wrote_copy(self) -> bool:
        return self.kind == "copied" and (self.end is None or self.result == DONE)

    def outcomes(self, state: Content, *, loose: bool) -> Iterator[Content]:
        """Iterate over what the name may have after it, if it returned what it did and the name had ``state``.

        :param loose: a version may be unknown although the file is the same, because it moved.
        """
        result = self.result if self.end is not None else None
        if self.kind == "read":
            if self.end is None or result == state:
                yield state
        elif self.kind == "write":
            yield self.content
        elif self.kind == "new":
            if state is MISSING and result in (None, DONE):
                yield self.content
            elif state is not MISSING and result in (None, "exists"):
                yield state
        elif self.kind == "delete":
            yield MISSING
        elif self.kind == "delete_version":
            if state == self.content and result in (None, True):
                yield MISSING
            if (state != self.content or loose) and result in (None, False):
                yield state
        elif self.kind == "replace":
            if state == self.content and result in (None, DONE):
                yield self.new
            if (state != self.content or loose) and result in (None, "other"):
                yield state
        elif self.kind == "copied":
            if result in (None, DONE):
                yield from self.choice
            else:
                yield state
        elif self.kind == "taken":
            if result is None or (result == "missing") is (state is MISSING):
                yield state
        elif self.kind == "moved":
            # it leaves a file that is newer than what it copied
            if result == "missing":
                if state is MISSING:
                    yield state
            elif result != DONE or state is MISSING or self.is_disturbed:
                yield state
            if result in (None, DONE) and state is not MISSING:
                yield MISSING


def explain(events: list[Event], first: Content, *, loose: bool = False) -> bool:
    """Return whether there is an order of the events which explains their results: one that ended before another
    started comes before it. A killed one may have taken place, or not.
    """
    for event in events:
        event.is_disturbed = any(each.writes and each.overlaps(event) for each in events if each is not event)
    seen = set()
    # a copy may have the content of an older version
    pending = [(frozenset(range(len(events))), first, False)]
    while pending:
        left, state, copied = pending.pop()
        if (left, state, copied) in seen:
            continue
        seen.add((left, state, copied))
        if all(events[each].end is None for each in left):
            return True
        soonest = min(end for each in left if (end := events[each].end) is not None)
        for each in left:
            event = events[each]
            if event.start <= soonest:
                for after in event.outcomes(state, loose=loose or copied):
                    is_copy = event.wrote_copy or (copied and after is state)
                    pending.append((left - {each}, after, is_copy))
    return False
