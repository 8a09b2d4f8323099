"""Copies the files of a storage to another, with a task of Celery for each part of their names."""

from celery import Celery
from flask import Flask

import flask_pyfs as fs
from flask_pyfs.transfer import sync

photos = fs.Storage("photos", fs.IMAGES)
archive = fs.Storage("archive", fs.IMAGES)

app = Flask(__name__)
app.config.update(CELERY={"broker_url": "redis://localhost:6379/0"})
app.config.from_prefixed_env()
fs.init_app(app, photos, archive)
celery = Celery(__name__)
celery.conf.update(app.config["CELERY"])


@celery.task(acks_late=True, autoretry_for=(fs.BackendError, fs.VersionChanged), retry_backoff=True, max_retries=5)
def copy_part(part: int, parts: int) -> dict[str, int]:
    with app.app_context():
        report = sync(photos, archive, shard=(part, parts))
    if report.failures:
        # the next try finds what this one did
        raise report.failures[0].error
    return dict(report.counts)


def copy_all(parts: int = 16) -> None:
    for part in range(1, parts + 1):
        copy_part.delay(part, parts)
