"""The results of all rounds as a Markdown table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from libraries import CLIENTS, RAW
from stores import Store
from workloads import Sizes

Round = Mapping[str, Mapping[str, float]]
Rounds = Mapping[str, Sequence[Round]]

OURS, PEER = "flask_pyfs", "flask-fs2"
RATE, SECONDS, MILLISECONDS, MEMORY, CPU = "files/s", "s", "ms", "MiB", "ms of CPU"

# a machine on which a bare loop takes so much longer for a while is not quiet
_QUIET = 1.1


@dataclass(frozen=True)
class Row:
    """A line of the table.

    :param measure: the name under which it was measured.
    :param title: with the sizes as ``{mb}`` and ``{listing}``.
    """

    measure: str
    title: str
    unit: str


ROWS = (
    Row("write", "write 4 KiB", RATE),
    Row("write", "write 4 KiB", CPU),
    Row("read", "read 4 KiB", RATE),
    Row("read", "read 4 KiB", CPU),
    Row("exists", "exists, a file that is there", RATE),
    Row("exists", "exists, a file that is there", CPU),
    Row("absent", "exists, one that is not", RATE),
    Row("absent", "exists, one that is not", CPU),
    Row("route", "GET 4 KiB through the route", RATE),
    Row("route", "GET 4 KiB through the route", CPU),
    Row("upload", "save an upload of 4 KiB through a view", RATE),
    Row("upload", "save an upload of 4 KiB through a view", CPU),
    Row("save", "save {mb} MiB", SECONDS),
    Row("save", "save {mb} MiB", CPU),
    Row("save", "save {mb} MiB, memory", MEMORY),
    Row("copy", "copy {mb} MiB", SECONDS),
    Row("copy", "copy {mb} MiB", CPU),
    Row("copy", "copy {mb} MiB, memory", MEMORY),
    Row("read_chunks", "read_chunks of {mb} MiB", SECONDS),
    Row("read_chunks", "read_chunks of {mb} MiB", CPU),
    Row("read_chunks", "read_chunks of {mb} MiB, memory", MEMORY),
    Row("open", "open and read {mb} MiB", SECONDS),
    Row("open", "open and read {mb} MiB, memory", MEMORY),
    Row("seek", "open, seek to the tail and read it", MILLISECONDS),
    Row("serve", "serve {mb} MiB", SECONDS),
    Row("serve", "serve {mb} MiB", CPU),
    Row("serve", "serve {mb} MiB, memory", MEMORY),
    Row("web", "serve {mb} MiB to a client over a socket", SECONDS),
    Row("web_many", "serve {mb} MiB to 8 clients, memory", MEMORY),
    Row("web_many", "serve {mb} MiB to 8 clients", SECONDS),
    Row("first_big", "first byte of {mb} MiB over a socket", MILLISECONDS),
    Row("first_tiny", "first byte of 1 KiB over a socket", MILLISECONDS),
    Row("first_deep", "first of {listing} names, 100 in a directory", MILLISECONDS),
    Row("list_deep", "list {listing} files, 100 in a directory", SECONDS),
    Row("list_deep", "list {listing} files, 100 in a directory, memory", MEMORY),
    Row("first_flat", "first of {listing} names, one directory", MILLISECONDS),
    Row("list_flat", "list {listing} files, one directory", SECONDS),
    Row("list_flat", "list {listing} files, one directory, memory", MEMORY),
    Row("import", "import, after Flask", MILLISECONDS),
    Row("init", "init_app of one storage", MILLISECONDS),
)


@dataclass(frozen=True)
class Target:
    """What flask_pyfs has to reach: a number that is at most the limit."""

    title: str
    limit: float
    number: Callable[[Rounds], float | None]


def targets(store: Store) -> list[Target]:
    """Return what is to be reached on a store."""

    def time_of(measure: str, limit: float) -> Target:
        return Target(f"time of {measure} / the bare client's", limit, lambda rounds: ratio(rounds, measure, RAW))

    def memory_of(measure: str, limit: float) -> Target:
        return Target(f"memory of {measure}, MiB", limit, lambda rounds: middle(rounds[OURS], measure, MEMORY))

    return [
        Target("time to write 4 KiB / flask-fs2's", 1, lambda rounds: ratio(rounds, "write", PEER)),
        Target("time to read 4 KiB / flask-fs2's", 1, lambda rounds: ratio(rounds, "read", PEER)),
        *(time_of(measure, limit) for measure, limit in store.limits.items()),
        *(memory_of(measure, store.memory) for measure in ("save", "copy", "read_chunks", "open", "serve")),
        Target("time to serve over a socket / the bare client's", 1 / 0.9, lambda rounds: ratio(rounds, "web", RAW)),
        memory_of("web_many", 32),
        Target(
            "first byte of the big file / of 1 KiB, time", 3, lambda rounds: share(rounds, "first_big", "first_tiny")
        ),
        memory_of("list_flat", 1),
        Target("first name / all names, time", 0.5, lambda rounds: share(rounds, "first_deep", "list_deep")),
    ]


def as_markdown(title: str, rounds: Rounds, sizes: Sizes, store: Store) -> str:
    """Return the table and the targets.

    A ratio is the median of the rounds' ratios of time or of CPU, flask_pyfs to another, with the least and the most of
    them; less is better.
    """
    compared = [name for name in (RAW, PEER, *CLIENTS) if name in rounds]
    lines = [
        f"### {title}",
        "",
        _line("", "unit", *rounds, *(f"/ {name}" for name in compared)),
        _line("---", "---", *("---:" for _ in (*rounds, *compared))),
    ]
    for row in ROWS:
        if not any(row.measure in one for each in rounds.values() for one in each):
            continue
        cells = [_shown(middle(rounds[name], row.measure, row.unit), row.unit) for name in rounds]
        cells += [as_spread(ratios(rounds, row.measure, name, row.unit)) for name in compared]
        lines.append(_line(row.title.format(**asdict(sizes)), row.unit, *cells))
    lines += ["", _line("target", "at most", "measured", "reached"), _line("---", "---:", "---:", "---")]
    for target in targets(store):
        number = target.number(rounds)
        if number is not None:
            reached = "yes" if number <= target.limit else "no"
            lines.append(_line(target.title, f"{target.limit:g}", _shown(number, "ratio"), reached))
    return "\n".join(lines) + "\n"


def middle(rounds: Sequence[Round], measure: str, unit: str) -> float | None:
    """Return the median of one library's rounds in a unit, or None where it was not measured."""
    found = [_in_unit(one[measure], unit) for one in rounds if measure in one]
    known = [value for value in found if value is not None]
    return median(known) if known else None


def ratio(rounds: Rounds, measure: str, other: str) -> float | None:
    """Return the median of the rounds' ratios of time, flask_pyfs to another library."""
    found = ratios(rounds, measure, other, SECONDS)
    return median(found) if found else None


def ratios(rounds: Rounds, measure: str, other: str, unit: str) -> list[float]:
    """Return the ratio of each round, flask_pyfs to another library: of CPU in that unit, of time in others, none of
    memory.
    """
    key = {CPU: "cpu", MEMORY: ""}.get(unit, "seconds")
    pairs = zip(rounds[OURS], rounds.get(other, []), strict=False)
    both = [(ours.get(measure, {}), theirs.get(measure, {})) for ours, theirs in pairs]
    return [ours[key] / theirs[key] for ours, theirs in both if key in ours and theirs.get(key)]


def as_spread(found: Sequence[float]) -> str:
    """Return the median of some ratios, with the least and the most."""
    return f"{median(found):.2f} ({min(found):.2f} to {max(found):.2f})" if found else "-"


def quietness(loops: Sequence[float]) -> str:
    """Return what a bare loop between the rounds says of the machine."""
    least, most = min(loops), max(loops)
    told = f"A bare loop between the rounds took {least * 1000:.1f} to {most * 1000:.1f} ms."
    if most > _QUIET * least:
        told += " **The machine was not quiet**: compare the ratios, and measure again."
    return f"{told}\n"


def share(rounds: Rounds, part: str, whole: str) -> float | None:
    """Return the median of what part of one measure's time another one took, or None where it was not measured."""
    found = [one[part]["seconds"] / one[whole]["seconds"] for one in rounds[OURS] if part in one and whole in one]
    return median(found) if found else None


def _in_unit(result: Mapping[str, float], unit: str) -> float | None:
    if unit == MEMORY:
        return result.get("mib")
    if unit == CPU:
        return result["cpu"] / result["times"] * 1000 if "cpu" in result else None
    if unit == RATE:
        return result["times"] / result["seconds"]
    each = result["seconds"] / result["times"]
    return each * 1000 if unit == MILLISECONDS else each


def _shown(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if unit == RATE:
        return f"{value:,.0f}"
    return (
        f"{value:.1f}" if unit == MEMORY else f"{value:.3f}" if unit in (SECONDS, MILLISECONDS, CPU) else f"{value:.2f}"
    )


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
