"""Compares the files of two sides, each under the name that the target would give it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Generator, Iterator, Sequence
from contextlib import closing
from contextvars import copy_context
from functools import partial
from itertools import chain
from queue import SimpleQueue
from threading import Thread
from typing import Literal, NamedTuple

from ..errors import InvalidPath
from ..filesystems.store import Facts
from .ordering import SOURCE, Group, Ordering
from .patience import Patience, Stopped
from .sameness import Located, Proceed, is_same, same_checksum
from .selection import Selection
from .sides import Side

__all__ = ["Difference", "Judge", "compare", "judged"]

# how many files are known ahead of the one whose answer is awaited, for each thread
_AHEAD = 4

#: Returns whether two files are the same.
Judge = Callable[[Located, Located, Proceed], bool]


Kind = Literal["same", "differs", "only_source", "only_target", "failed"]


class Difference(NamedTuple):
    """What became of the comparison of one file.

    :param kind: ``same``, ``differs``, ``only_source``, ``only_target`` or ``failed``.
    :param name: the name under which both sides are compared: the one that a new file would get at the target.
    :param source_name: the name at the source, or None if the file is not there.
    :param target_name: the name at the target: ``name``, unless the file that a read of the source's name finds there
        has another spelling.
    :param source: what the listing of the source tells of the file, or None.
    :param target: the same of the target.
    :param error: for ``failed``, why.
    """

    kind: Kind
    name: str
    source_name: str | None
    target_name: str
    source: Facts | None = None
    target: Facts | None = None
    error: Exception | None = None

    @property
    def shown_name(self) -> str:
        """The name of an event: that under which both sides are compared, but of a file that only the target has, which
        may be one of several with that name, the one there.
        """
        return self.target_name if self.kind == "only_target" else self.name


def compare(
    source: Side,
    target: Side,
    *,
    checksum: bool = False,
    jobs: int = 8,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    shard: tuple[int, int] | None = None,
    may_be_gone: bool = False,
) -> Generator[Difference, None, None]:
    """Iterate over the files of both sides, in the order of the names under which they are compared, each file once.

    Both listings are read to their ends before the first file is yielded: a name that comes late may change what
    an earlier one means, and half a listing must never look like a whole one. Memory is constant; what waits is in a
    temporary file of about 200 bytes for each name. Besides the two listings, no request is made without ``checksum``.

    Two files of the source whose names become one at the target are ``failed``, both of them. A directory of either
    side that cannot be read, and a file whose name no operation accepts, are ``failed``, before all others, unless
    they are excluded.

    :param source: the side that is right.
    :param target: the side that is compared with it. If it does not exist, it has no files.
    :param checksum: compare checksums of one algorithm instead of times. What no store knows is computed: the files
        are read.
    :param jobs: how many files are read at once.
    :param include: patterns as those of a .gitignore. With any, only names that match are compared.
    :param exclude: patterns of names that are not compared.
    :param shard: ``(i, n)``: only the part i of n of the names.
    :param may_be_gone: let a source that is a directory and gone count as empty.
    :raises flask_pyfs.errors.FileNotFound: if the source does not exist.
    :raises flask_pyfs.errors.FSError: if a listing fails.
    :raises flask_pyfs.errors.ConfigurationError: if a pattern or the shard is invalid.
    """
    selection = Selection(include, exclude, shard)
    found = _compared(source, target, selection, may_be_gone)
    return judged(found, source, target, same_checksum, jobs) if checksum else found


def _compared(source: Side, target: Side, selection: Selection, may_be_gone: bool) -> Generator[Difference, None, None]:
    source.require(may_be_gone=may_be_gone)
    chosen = None if selection.is_whole else selection.has

    def compared_name(listed: str) -> str | None:
        try:
            name = target.compared_name(listed)
        except InvalidPath:
            # its group says so
            name = listed
        return name if chosen is None or chosen(name) else None

    with closing(Ordering(compared_name)) as ordering:
        ordering.read(source.entries(), target.entries())
        source.require(empty=not ordering.counts[SOURCE], may_be_gone=may_be_gone)
        yield from _unread(source, target, selection)
        for group in ordering.groups():
            yield from _differences(group, target)


def _unread(source: Side, target: Side, selection: Selection) -> Iterator[Difference]:
    # what is not known of a side must not look as if it had no files there
    for directory, error in {**target.unread, **source.unread}.items():
        if selection.may_have_below(directory):
            yield Difference("failed", directory, None, directory, error=error)


def _differences(group: Group, target: Side) -> Iterator[Difference]:
    name, sources, targets = group
    # the most frequent case: each name means the file in normal form if it is there alone
    if len(sources) == len(targets) == 1 and targets[0][0] == name:
        (listed, ours), (_, theirs) = sources[0], targets[0]
        yield Difference("same" if is_same(ours, theirs) else "differs", name, listed, name, ours, theirs)
        return
    # of a directory with several spellings, the first has the file that is read
    files = dict(reversed(targets))
    left = dict(files)
    for listed, facts in sources:
        try:
            found = _meant(listed, name, files, target)
        except InvalidPath as error:
            left.pop(listed, None)
            yield Difference("failed", name, listed, name, facts, error=error)
            continue
        there = None if found is None else files[found]
        if found is not None:
            left.pop(found, None)
        failure = _collision(listed, sources, name, target)
        if failure is None and found is None:
            failure = target.refusal(listed)
        if failure is not None:
            yield Difference("failed", name, listed, found or name, facts, there, failure)
        elif there is None:
            yield Difference("only_source", name, listed, name, facts)
        else:
            kind: Kind = "same" if is_same(facts, there) else "differs"
            yield Difference(kind, name, listed, found or name, facts, there)
    for listed, facts in sorted(left.items()):
        try:
            _meant(listed, name, left, target)
        except InvalidPath as error:
            yield Difference("failed", name, None, listed, None, facts, error)
        else:
            yield Difference("only_target", name, None, listed, None, facts)


def _meant(listed: str, name: str, files: Container[str], target: Side) -> str | None:
    """Return which of the files at the target a name means, or None.

    :raises flask_pyfs.errors.InvalidPath: if no operation accepts the name.
    """
    # a name that has another form is accepted, and found as it is or in that form; to ask takes longer
    likely = (listed, name) if listed != name else ()
    return next((each for each in chain(likely, _asked(listed, target)) if each in files), None)


def _asked(listed: str, target: Side) -> Iterator[str]:
    yield from target.candidates(listed)


def _collision(listed: str, sources: Sequence[tuple[str, Facts]], name: str, target: Side) -> InvalidPath | None:
    if len(sources) == 1:
        return None
    other = next((each for each, _ in sources if each != listed), listed)
    message = f"{listed!r} and {other!r} would both be {name!r} in {target.label!r}: rename one of them"
    return InvalidPath(message, path=listed)


def judged(
    differences: Generator[Difference, None, None], source: Side, target: Side, judge: Judge, jobs: int
) -> Generator[Difference, None, None]:
    """Judge the files that are on both sides anew, in threads. The order stays. A store that fails is tried again.

    :param judge: is called in another thread, in the context of this one. If it raises an error, the file is
        ``failed``.
    :param jobs: how many threads.
    """
    patience = Patience()

    def again(difference: Difference) -> Difference:
        _, _, source_name, target_name, ours, theirs, _ = difference
        assert source_name is not None
        assert ours is not None
        assert theirs is not None
        try:
            located = Located(source, source_name, ours), Located(target, target_name, theirs)
            same = patience.persist(lambda: judge(*located, patience.check))
        except Stopped:
            raise
        except Exception as error:
            # reading may run code of others
            return difference._replace(kind="failed", error=error)
        return difference._replace(kind="same" if same else "differs")

    # Ctrl-C may leave the lock of a Future taken for ever, right after this thread took it
    todo: SimpleQueue[tuple[Difference, _Answer] | None] = SimpleQueue()

    def work_on() -> None:
        while (asked := todo.get()) is not None:
            difference, answer = asked
            try:
                if not patience.is_stopped:
                    answer.put(again(difference))
            except BaseException as error:
                answer.put(error)

    threads: list[Thread] = []
    waiting: deque[Difference | _Answer] = deque()
    with closing(differences) as remaining:
        try:
            for difference in remaining:
                if difference.kind not in ("same", "differs"):
                    waiting.append(difference)
                else:
                    if len(threads) < jobs:
                        run = partial(copy_context().run, work_on)
                        threads.append(Thread(target=run, name="flask_pyfs-compare", daemon=True))
                        threads[-1].start()
                    answer: _Answer = SimpleQueue()
                    todo.put((difference, answer))
                    waiting.append(answer)
                if len(waiting) > _AHEAD * jobs:
                    yield _result(waiting.popleft())
            while waiting:
                yield _result(waiting.popleft())
        finally:
            # first, as an interrupt may come within the other
            for _ in threads:
                todo.put(None)
            patience.stop()
            for thread in threads:
                # Ctrl-C within start() leaves one of which nobody knows yet whether it runs
                if thread.is_alive():
                    thread.join()


_Answer = SimpleQueue[Difference | BaseException]


def _result(difference: Difference | _Answer) -> Difference:
    found = difference if isinstance(difference, Difference) else difference.get()
    if isinstance(found, BaseException):
        raise found
    return found
