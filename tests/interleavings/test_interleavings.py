"""Another process acts between each two requests of every operation, on every store.

What comes out must be what would come out if one of the two acted first and then the other, on a dictionary. Where a
store cannot promise that, its page names the window.
"""

from __future__ import annotations

import itertools
import math
import re
from functools import partial
from pathlib import Path

import pytest
from actions import OPERATIONS, REFUSALS, Ideal, Real, Refused, actions_for
from gates import gate
from windows import WINDOWS

import flask_pyfs as fs
from flask_pyfs.filesystems.gridfs import upload

DOCS = Path(__file__).resolve().parents[2] / "docs"

# a directory of its own for each case
NUMBERS = itertools.count()


@pytest.fixture
def counted(place, monkeypatch):
    """The gate counts the requests of the store."""
    app, storage = place.apps[0]
    with app.app_context():
        # opens the store
        storage.exists("a")
        place.count(monkeypatch, storage.backend.store.standard)
    # an upload on GridFS looks for its chunks only after a pause, and here there is one before each request
    monkeypatch.setattr(upload, "_PAUSE", -1.0)


def result_of(act, files):
    """Return what an action returns, or the name of what refuses it."""
    try:
        return act(files)
    except Refused as error:
        return str(error)
    except fs.FSError as error:
        return next((name for kind, name in REFUSALS.items() if isinstance(error, kind)), repr(error))


def in_order(initial, *acts):
    """Return the results and the files after actions, one after the other."""
    files = Ideal(initial)
    return [result_of(act, files) for act in acts], files.files


class Case:
    """Two storages with the files at the beginning, in a directory of their own."""

    def __init__(self, place, operation):
        (self.app, ours), (self.other_app, theirs) = place.apps
        prefix = f"{next(NUMBERS)}/"
        with self.app.app_context():
            versions = {name: ours.write(prefix + name, content).version for name, content in operation.initial.items()}
        self.ours, self.theirs = Real(ours, prefix, versions), Real(theirs, prefix, versions)
        self.their_result = None

    def act(self, act):
        with self.app.app_context():
            return result_of(act, self.ours)

    def interrupt(self, act):
        with self.other_app.app_context():
            self.their_result = result_of(act, self.theirs)

    def end(self):
        """Return the files at the end, and delete them."""
        with self.app.app_context():
            files = {name: self.ours.read(name) for name in self.ours.list_files()}
            self.ours.delete_all()
            return files


def is_explained(name, ours, theirs, files, action):
    """Return whether one of the two orders of our action and another explains results and files."""
    operation = OPERATIONS[name]
    other = actions_for(operation)[action]
    initial = operation.initial
    first, second = in_order(initial, operation.act, other), in_order(initial, other, operation.act)
    if name == "list":
        # a listing is no snapshot: what comes or goes meanwhile may be in it or not
        remained, seen = first[1].keys() & initial.keys(), {*first[1], *initial}
        return (theirs, files) == (first[0][1], first[1]) and remained <= ours <= seen
    if action == "removes leftovers" and isinstance(ours, str) and ours.startswith(("FSError", "missing")):
        # our unfinished upload was one of them, and on a disk its file is missing
        return files == initial
    return ([ours, theirs], files) == first or ([theirs, ours], files) == second


def distance(total, count, wanted):
    """Return the distance between the cases that run, so that all actions and all requests have their turn."""
    return next(step for step in itertools.count(-(-total // wanted)) if math.gcd(step, count) == 1)


def unexplained(place, name, soak):
    """Return what happens to an operation that no order explains, per action."""
    operation, found = OPERATIONS[name], {}
    for _ in range(2):
        # the first time, a store may look whether it is prepared
        case = Case(place, operation)
        with gate.before():
            case.act(operation.act)
        case.end()
    count = gate.count
    cases = list(itertools.product(actions_for(operation).items(), range(1, count + 1)))
    for (action, other), number in cases[:: 1 if soak else distance(len(cases), count, place.cases)]:
        case = Case(place, operation)
        with gate.before(number, partial(case.interrupt, other)):
            ours = case.act(operation.act)
        if not gate.is_passed:
            case.interrupt(other)
        files = case.end()
        if not is_explained(name, ours, case.their_result, files, action):
            told = f"before request {number} of {count}: {ours}, {case.their_result}, {files}"
            found.setdefault(action, []).append(told)
    return found


@pytest.mark.parametrize("name", OPERATIONS)
def test_another_one_acts_between_two_requests(place, counted, name, soak):
    found = unexplained(place, name, soak)
    windows = {action for (store, operation, action) in WINDOWS if (store, operation) == (place.name, name)}
    others = [f"another one {action} {case}" for action in found.keys() - windows for case in found[action]]
    assert not others, "\n".join(others)
    # windows that were closed are to be taken from the table and from the page
    assert found or not windows or not soak
    app, storage = place.apps[0]
    with app.app_context():
        assert storage.backend.remove_leftovers(older_than=-60, dry_run=True) == 0


@pytest.mark.parametrize(("page", "sentence"), sorted(set(WINDOWS.values())))
def test_the_pages_name_the_windows(page, sentence):
    assert sentence in re.sub(r"\s+", " ", (DOCS / page).read_text(encoding="utf-8"))
