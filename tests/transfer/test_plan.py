"""What a sync is to do takes no memory, and comes back as it was."""

import tracemalloc
from datetime import datetime, timezone

import pytest
from simulated import side

import flask_pyfs as fs
from flask_pyfs.filesystems.store import Facts
from flask_pyfs.scratch import temporary_database
from flask_pyfs.transfer.comparing import compare
from flask_pyfs.transfer.plan import Plan, Step

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, timezone.utc)
STEPS = [
    Step("a", "./a", "a", Facts(3, NOW, "tag"), None),
    Step("b\udcff", "b\udcff", "b\udcff", Facts(0, None), Facts(5, NOW, None, mark="mark")),
    Step("\xe9", None, "e\u0301", None, Facts(7, NOW, "tag", marked=False)),
    Step("d\ud800", "d\ud800", "d\ud800", Facts(2**40, None), Facts(1, None)),
]


def test_steps_come_back():
    with Plan() as plan:
        for step in STEPS:
            plan.add(step)
        assert (plan.copies, plan.bytes, plan.deletions) == (3, 3 + 2**40, 1)
        assert list(plan.to_copy()) == [STEPS[0], STEPS[1], STEPS[3]]
        assert list(plan.to_delete()) == [STEPS[2]]
        # more than once
        assert list(plan.to_copy()) == [STEPS[0], STEPS[1], STEPS[3]]


@pytest.mark.parametrize("facts", [Facts(1, NOW, "tag", "text/plain", "md5:00", "mark"), Facts(1, None, marked=False)])
def test_what_tells_a_version_stays(facts):
    with Plan() as plan:
        plan.add(Step("a", "a", "a", facts, facts))
        [step] = plan.to_copy()
    assert (step.source.version, step.target.version) == (facts.version, facts.version)


def test_many_steps_take_no_memory(soak):
    count = 1_000_000 if soak else 8_000
    facts = Facts(100, NOW, "0123456789abcdef0123456789abcdef", marked=False)
    tracemalloc.start()
    try:
        with Plan() as plan:
            for number in range(count):
                name = f"directory/with/a/name/{number:09}.jpeg"
                plan.add(Step(name, name, name, facts, facts))
            assert sum(1 for _ in plan.to_copy()) == count
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # a list of them takes 1.5 MiB; SQLite itself keeps 2 MiB more
    assert peak < 1024 * 1024


def test_a_full_disk_says_what_to_do():
    with Plan() as plan:
        plan._database.execute("PRAGMA max_page_count = 4")

        def fill():
            for _ in range(2000):
                plan.add(STEPS[0])

        with pytest.raises(fs.FSError, match=r"disk is full.*set TMPDIR"):
            fill()


@pytest.mark.parametrize("name", ["{:06}", "{:06}e\u0301"])
def test_a_full_disk_during_a_comparison(monkeypatch, name):
    def small(*arguments, **options):
        database = temporary_database(*arguments, **options)
        database.execute("PRAGMA max_page_count = 8")
        return database

    monkeypatch.setattr("flask_pyfs.transfer.ordering.temporary_database", small)
    source = side([name.format(number) for number in range(3000)])
    with pytest.raises(fs.FSError, match=r"disk is full.*set TMPDIR"):
        next(compare(source, side([])))
