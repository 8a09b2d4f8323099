"""What the rounds of one worker come to."""

from __future__ import annotations

from statistics import median

Measured = dict[str, dict[str, float]]


def summary(rounds: list[Measured]) -> dict[str, list[float]]:
    """Return the medians of a worker: requests in a second, and milliseconds of CPU for each request. Of both there is
    that of the file, that of the view, and the ratio in a round.
    """
    rates, cpus = (
        [[of(each[kind]) for kind in ("file", "view")] for each in rounds]
        for of in (
            lambda found: found["requests"] / found["seconds"],
            lambda found: found["cpu"] / found["requests"] * 1000,
        )
    )
    return {
        key: [*(median(column) for column in zip(*pairs, strict=True)), median(file / view for file, view in pairs)]
        for key, pairs in (("rate", rates), ("cpu", cpus))
    }
