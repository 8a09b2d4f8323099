"""How many requests a migration makes for each file: what the page on performance computes with."""

import logging
import re
from collections import Counter
from contextlib import contextmanager

import pytest
from moving_storages import moving, sides

from flask_pyfs.migration import migrate

LOGGERS = ("urllib3.connectionpool", "pymongo.command")


@contextmanager
def requests():
    """Count the HTTP requests for files by their method, listings of a whole bucket of S3 as LIST, and the commands of
    MongoDB by their name.
    """
    sent = Counter()
    handler = logging.Handler()

    def emit(record):
        message = record.getMessage()
        if record.name == LOGGERS[1]:
            sent.update(re.findall(r'^{"message": "Command started".*?"commandName": "(\w+)"', message))
        elif ".txt HTTP/" in message:
            sent[message.split()[1].strip('"')] += 1
        elif "list-type=2&prefix=&" in message:
            sent["LIST"] += 1

    handler.emit = emit  # type: ignore[method-assign]
    before = {name: logging.getLogger(name).level for name in LOGGERS}
    for name in LOGGERS:
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        yield sent
    finally:
        for name, level in before.items():
            logging.getLogger(name).removeHandler(handler)
            logging.getLogger(name).setLevel(level)


def migrated(app, request, kinds, count):
    """Return what a migration of so many small files sends."""
    with moving(app, request, *kinds) as storage:
        source, _ = sides(storage)
        for number in range(count):
            source.write(f"{number}.txt", b"content")
        # both are open, and the migration has begun
        storage.exists("none.txt")
        with requests() as sent:
            report = migrate(storage, jobs=1)
        assert report.counts == {"copied": count}
        return sent


@pytest.mark.server
@pytest.mark.parametrize(
    ("kinds", "each", "lists"),
    [
        # the source tells what it has, and whether it still is that
        (("s3-moto", "gridfs"), {"GET": 1, "HEAD": 1, "insert": 1, "update": 1}, 4),
        (("gridfs", "swift"), {"find": 3, "PUT": 1}, 0),
        (("swift", "s3-moto"), {"GET": 1, "HEAD": 1, "PUT": 1}, 3),
    ],
)
def test_what_each_file_takes(app, request, kinds, each, lists):
    few, more = (migrated(app, request, kinds, count) for count in (2, 6))
    assert {name: more[name] - few[name] for name in each} == {name: 4 * count for name, count in each.items()}
    assert few["LIST"] == more["LIST"] == lists
