"""Whatever processes and copiers do at once, and whichever of them dies: what each returned can be explained by one
order of all, and after the end the files are those of that order.
"""

import actions_migrating as actions
import pytest
from histories import MISSING, explain
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from flask_pyfs.filesystems.generic import GenericStore
from flask_pyfs.filesystems.memory import MemoryFS

NAMES = st.sampled_from(["a", "b"])
FIRST = st.sampled_from([MISSING, b"first"])
#: How many runs of 30 steps, without --soak.
EXAMPLES = 20


class MigrationMachine(RuleBasedStateMachine):
    options = {"direction": "forward"}
    killed = 0

    @initialize(first=st.tuples(FIRST, FIRST), copied=st.booleans(), own=st.booleans())
    def start(self, first, copied, own):
        self.world = actions.World(GenericStore(MemoryFS()), GenericStore(MemoryFS()), **self.options)
        self.world.start_with("a", first[0], copied=copied, own=own)
        self.world.start_with("b", first[1])

    @property
    def has_room(self):
        return len(self.world.running) < 4

    @precondition(lambda self: self.has_room)
    @rule(name=NAMES, kind=st.sampled_from(["read", "write", "new", "open", "open new", "delete", "copier"]))
    def begin(self, name, kind):
        if kind == "read":
            actions.reading(self.world, name)
        elif kind == "delete":
            actions.deleting(self.world, name)
        elif kind == "copier":
            actions.moving(self.world, name)
        else:
            actions.writing(self.world, name, new="new" in kind, opened="open" in kind)

    @precondition(lambda self: self.has_room)
    @rule(name=NAMES, replace=st.booleans())
    def begin_with_version(self, name, replace):
        self.world.look(name)
        (actions.replacing if replace else actions.deleting_version)(self.world, name)

    @precondition(lambda self: self.has_room)
    @rule(back=st.booleans(), new=st.booleans(), move=st.booleans())
    def begin_copy(self, back, new, move):
        name, other = ("b", "a") if back else ("a", "b")
        actions.copying(self.world, name, other, new=new, move=move)

    @precondition(lambda self: self.world.running)
    @rule(data=st.data(), steps=st.integers(1, 5))
    def step(self, data, steps):
        operation = self._some(data)
        for _ in range(steps):
            if not operation.is_done:
                self.world.step(operation)

    # each may have taken place at any time, which takes long to find out
    @precondition(lambda self: self.world.running and self.killed < 5)
    @rule(data=st.data())
    def kill(self, data):
        self.killed += 1
        self.world.kill(self._some(data))

    def _some(self, data):
        return self.world.running[data.draw(st.integers(0, len(self.world.running) - 1))][0]

    def teardown(self):
        if hasattr(self, "world"):
            self.world.finish()
            for name, events in self.world.events.items():
                # a copy may bring the content of an older version back
                loose = self.options["direction"] == "back" or any(event.kind == "copied" for event in events)
                assert explain(events, self.world.first[name], loose=loose), (name, self.world.first[name], events)


class BothMachine(MigrationMachine):
    options = {"direction": "forward", "writes": "both"}


class OldMachine(BothMachine):
    """Besides, processes run that know the source alone, and none before that wrote to the target alone."""

    @initialize(first=st.tuples(FIRST, FIRST), copied=st.booleans(), own=st.just(False))
    def start(self, first, copied, own):
        super().start(first, copied, own)

    @precondition(lambda self: self.has_room)
    @rule(name=NAMES, kind=st.sampled_from(["read", "write", "new", "delete"]))
    def begin_old(self, name, kind):
        actions.old(self.world, name, kind)


class BackMachine(MigrationMachine):
    options = {"direction": "back"}


@pytest.mark.slow
@pytest.mark.parametrize("machine", [MigrationMachine, BothMachine, OldMachine, BackMachine])
def test_migration(machine, soak):
    examples = 1000 if soak else EXAMPLES
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=30))
