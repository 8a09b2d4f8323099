"""How many requests a sync makes to S3, as the page on operations has them."""

import logging
import os
import uuid
from collections import Counter
from contextlib import contextmanager

import pytest

from flask_pyfs.transfer import sync

FILES = 10
LOOKS = {"GET": 1}


@contextmanager
def requests():
    """Count the requests in a block by their method."""
    sent = Counter()
    handler = logging.Handler()

    def emit(record):
        if " HTTP/" in (message := record.getMessage()):
            sent[message.split()[1].strip('"')] += 1

    handler.emit = emit  # type: ignore[method-assign]
    log = logging.getLogger("urllib3.connectionpool")
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        yield sent
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


@pytest.fixture
def make_storage(configure_storage, moto_endpoint):
    def make_storage(name):
        settings = {"ENDPOINT": moto_endpoint.url, "REGION": moto_endpoint.region, "BACKEND": "s3"}
        keys = {"ACCESS_KEY": moto_endpoint.access_key, "SECRET_KEY": moto_endpoint.secret_key}
        return configure_storage(name, {**settings, **keys, "BUCKET": f"bucket-{uuid.uuid4().hex}"})

    return make_storage


@pytest.fixture
def places(app, make_storage, tmp_path):
    """A directory with files, and two buckets with one other file each."""
    source = tmp_path / "in"
    source.mkdir()
    for number in range(FILES):
        (source / f"{number}.txt").write_text("text")
        # S3 tells whole seconds, and a copy made in the second of the source is made once more
        os.utime(source / f"{number}.txt", (1e9, 1e9))
    first, second = make_storage("first"), make_storage("second")
    with app.app_context():
        for storage in (first, second):
            # makes the bucket, and asks whether it is there
            storage.write("z.txt", b"text")
            assert storage.exists("z.txt")
        yield source, first, second


def counted(*sides, **options):
    with requests() as sent:
        report = sync(*sides, **options)
    assert not report.failed
    # that of the buckets which no side else has
    del report.counts["only_target"]
    return sent, report.counts


def test_as_the_page_on_operations_says(places, tmp_path):
    directory, first, second = places
    sent, counts = counted(directory, first)
    assert (counts, sent) == ({"copied": FILES}, LOOKS | {"PUT": FILES})

    sent, counts = counted(directory, first)
    assert (counts, sent) == ({"same": FILES}, LOOKS)

    sent, counts = counted(directory, first, checksum=True)
    assert counts == {"same": FILES}
    assert sent <= Counter(LOOKS | {"HEAD": FILES})

    sent, counts = counted(first, tmp_path / "out")
    assert counts == {"copied": FILES + 1}
    assert sent <= Counter(GET=1 + FILES + 1, HEAD=FILES + 1)

    # by the server, which does not read
    second.delete("z.txt")
    sent, counts = counted(first, second)
    assert counts == {"copied": FILES + 1}
    assert sent <= Counter(GET=2, PUT=FILES + 1, HEAD=2 * (FILES + 1))

    for number in range(FILES):
        (directory / f"{number}.txt").write_text("another text")
        os.utime(directory / f"{number}.txt", (1e9, 1e9))
    sent, counts = counted(directory, first)
    assert counts == {"replaced": FILES}
    assert sent <= Counter(GET=1, PUT=FILES, HEAD=2 * FILES)

    for path in directory.glob("[1-9].txt"):
        path.unlink()
    sent, counts = counted(directory, first, delete=True)
    assert counts == {"deleted": FILES, "same": 1}
    assert sent <= Counter(GET=1, DELETE=FILES, HEAD=2 * FILES)
