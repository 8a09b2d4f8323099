"""What the commands show of a transfer that runs: on a real terminal, in a log, and without rich."""

import re
import sys
import time

import pytest
from terminals import Terminal

from flask_pyfs.cli import progress
from flask_pyfs.cli.progress import showing
from flask_pyfs.cli.sizes import size_text
from flask_pyfs.transfer import Event

# reads events from standard input, a line each, and ends with it
PROGRAM = """
import sys
{before}
from flask_pyfs.cli.progress import showing
from flask_pyfs.transfer import Event

with showing() as progress:
    for line in sys.stdin:
        kind, *numbers = line.split()
        if kind == "say":
            progress.echo(" ".join(numbers), err=True)
        elif kind == "result":
            progress.echo(" ".join(numbers))
        else:
            size, files = map(int, numbers)
            progress.add(Event(kind, "a.jpg", size, files))
print("the end")
"""
WITHOUT_RICH = "sys.modules['rich'] = None"
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n]")


def started(program, *arguments, **options):
    return Terminal([sys.executable, "-c", program], *arguments, **options)


def test_a_bar_on_a_terminal():
    terminal = started(PROGRAM.format(before=""))
    terminal.send("same 0 0")
    terminal.read_until("comparing: 1 files")
    terminal.send("planned 4194304 10", *["progress 1048576 0", "copied 1048576 0"] * 2)
    terminal.read_until("2 of 10 files, 2.0 MiB of 4.0 MiB")
    assert "\x1b[?25l" in terminal.shown
    # what is said goes above it
    terminal.send("say a.jpg: it failed")
    terminal.read_until("a.jpg: it failed\r\n")
    terminal.send("failed 0 0")
    terminal.read_until("3 of 10 files")
    shown = terminal.end()
    # the bar goes, and the cursor comes back
    assert shown.endswith("the end\r\n")
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


def test_the_rate_and_the_time_that_remains():
    terminal = started(PROGRAM.format(before=""), 120)
    terminal.send("planned 4194304 10", "progress 1048576 0", "copied 1048576 0")
    terminal.read_until("1 of 10 files")
    terminal.send("progress 1048576 0", "copied 1048576 0")
    terminal.read_until("2 of 10 files")
    terminal.read_until("/s")
    terminal.read_until(" left")
    assert re.search(
        r"2 of 10 files, 2\.0 MiB of 4\.0 MiB, [\d.]+ (MiB|KiB|bytes)/s, (\d+ min )?\d+ s left", terminal.end()
    )


def test_colours_are_left_out_if_asked():
    terminal = started(PROGRAM.format(before=""), NO_COLOR="1")
    terminal.send("planned 4194304 10", "progress 2097152 0")
    terminal.read_until("2.0 MiB of 4.0 MiB")
    # the cursor moves, but nothing is coloured
    assert not re.search(r"\x1b\[[0-9;]*[34][0-8](;[0-9;]*)?m", terminal.end())


@pytest.mark.parametrize("columns", [8, 40])
def test_a_narrow_terminal_has_what_fits(columns):
    terminal = started(PROGRAM.format(before=""), columns)
    terminal.send("planned 4194304 10", "progress 2097152 0", "copied 2097152 0")
    terminal.read_until("1 of 10"[: columns - 1])
    shown = terminal.end().partition("the end")[0]
    # a line that wraps would leave its upper half behind at each picture
    lines = [CONTROL.sub("", line) for line in re.split(r"[\r\n]+", shown)]
    assert max(map(len, lines)) < columns


def test_a_terminal_that_becomes_narrow():
    terminal = started(PROGRAM.format(before=""), 100)
    terminal.send("planned 4194304 10", "progress 2097152 0", "copied 2097152 0")
    terminal.read_until("1 of 10 files, 2.0 MiB of 4.0 MiB")
    terminal.resize(30)
    terminal.send("copied 0 0")
    shown = terminal.read_until("2 of 10 files")
    assert "2 of 10 files," not in shown + terminal.end()


def test_results_go_to_their_file(tmp_path):
    with open(tmp_path / "results", "w") as output:
        terminal = started(PROGRAM.format(before=""), output=output)
        terminal.send("planned 4194304 10", "result a.jpg", "progress 2097152 0")
        terminal.read_until("2.0 MiB of 4.0 MiB")
        assert "a.jpg" not in terminal.end()
    assert (tmp_path / "results").read_text() == "a.jpg\nthe end\n"


@pytest.mark.parametrize(
    ("before", "environment"),
    [(WITHOUT_RICH, {}), ("", {"TERM": "dumb"})],
    ids=["without rich", "a terminal that cannot move its cursor"],
)
def test_plain_lines(before, environment):
    program = PROGRAM.format(before=f"{before}\nfrom flask_pyfs.cli import progress\nprogress._LOG_SECONDS = 0.01")
    terminal = started(program, **environment)
    # before anything is known
    terminal.read_until("listing the files\r\n")
    terminal.send("same 0 0")
    terminal.read_until("comparing: 1 files\r\n")
    terminal.send("planned 4194304 10", "progress 2097152 0", "copied 2097152 0")
    terminal.read_until("1 of 10 files, 2.0 MiB of 4.0 MiB")
    shown = terminal.end()
    assert "\x1b" not in shown


def test_the_lines_of_a_log(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    shown = progress.Progress()
    shown.add(Event("planned", size=4_096_000, files=100))
    lines = []
    for second in range(1, 91):
        now[0] = second
        shown.add(Event("progress", "a.jpg", 40_960))
        shown.add(Event("copied", "a.jpg", 40_960))
        lines.append(shown.line())
    assert lines[29::30] == [
        "30 of 100 files, 1.2 MiB of 3.9 MiB, 40.0 KiB/s, 1 min 10 s left",
        "60 of 100 files, 2.3 MiB of 3.9 MiB, 40.0 KiB/s, 40 s left",
        "90 of 100 files, 3.5 MiB of 3.9 MiB, 40.0 KiB/s, 10 s left",
    ]


def test_a_short_one_has_no_line_in_a_log(capsys):
    with showing() as shown:
        shown.add(Event("planned", size=4_096_000, files=100))
        shown.add(Event("copied", "a.jpg"))
    assert capsys.readouterr() == ("", "")


def test_quiet_shows_nothing(monkeypatch, capsys):
    monkeypatch.setattr(progress, "_LOG_SECONDS", 0)
    with showing(quiet=True) as shown:
        shown.add(Event("planned", size=4_096_000, files=100))
        shown.add(Event("copied", "a.jpg"))
    assert capsys.readouterr() == ("", "")


def test_what_is_counted():
    shown = progress.Progress()
    assert shown.line() == "listing the files"
    for kind in ("same", "same", "only_target"):
        shown.add(Event(kind, "a"))
    assert shown.line() == "comparing: 3 files"
    shown.add(Event("planned", size=4000, files=5))
    assert shown.share == 0
    # c is copied by the server, and b under way meanwhile
    happens = [
        *(Event("progress", "a", 500), Event("copied", "a", 1000)),
        *(Event("progress", "b", 500), Event("copied", "c", 1000)),
        Event("deleted", "d", 70),
        *(Event("progress", "e", 600), Event("failed", "e", 600)),
        *(Event("progress", "b", 900), Event("again", "b", 900), Event("progress", "b", 1000)),
    ]
    counts = []
    for event in happens:
        shown.add(event)
        counts.append((shown.files, shown.bytes))
    assert counts[:5] == [(0, 500), (1, 1000), (1, 1500), (2, 2000), (3, 2000)]
    assert counts[5:] == [(3, 2600), (4, 2000), (4, 2900), (4, 2000), (4, 3000)]
    assert shown.share < 1
    shown.add(Event("replaced", "a", 1000))
    assert (shown.files, shown.bytes) == (5, 3000)
    shown.add(Event("copied", "a", 1000))
    assert shown.share == 1


@pytest.mark.parametrize("kind", ["deleted", "failed"])
def test_what_came_before_the_plan_is_no_part_of_it(kind):
    shown = progress.Progress()
    shown.add(Event(kind, "stale"))
    shown.add(Event("planned", size=1000, files=2))
    assert (shown.files, shown.share) == (0, 0)
    assert shown.line() == "0 of 2 files, 0 bytes of 1000 bytes"


@pytest.mark.parametrize("kind", ["same", "own"])
def test_what_was_planned_and_needs_nothing_is_done(kind):
    shown = progress.Progress()
    shown.add(Event("planned", size=0, files=2))
    for name in "ab":
        shown.add(Event(kind, name, 10))
    assert (shown.files, shown.bytes, shown.share) == (2, 0, 1)


def test_an_empty_plan_has_a_share():
    shown = progress.Progress()
    shown.add(Event("planned"))
    assert (shown.share, shown.line()) == (0, "0 of 0 files, 0 bytes of 0 bytes")


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1, "1 byte"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (1023.949 * 1024, "1023.9 KiB"),
     (1023.95 * 1024, "1.0 MiB"), (1.5 * 1024**3, "1.5 GiB"), (1000 * 1024**5, "1000.0 PiB")],
)  # fmt: skip
def test_sizes_for_people(size, text):
    assert size_text(size) == text
