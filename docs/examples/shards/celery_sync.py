"""Copies the files of a storage to another, with a task of Celery for each part of their names."""

from celery import Celery
from flask import Flask

import flask_pyfs as fs
from flask_pyfs.transfer import sync

photos = fs.Storage("photos", fs.IMAGES)
archive = fs.Storage("archive", fs.IMAGES)

app = Flask(__name__)
# Redis delivers a task once more that is not done after so many seconds: more than a part ever takes
app.config.update(
    CELERY={
        "broker_url": "redis://localhost:6379/0",
        "broker_transport_options": {"visibility_timeout": 24 * 60 * 60},
    }
)
app.config.from_prefixed_env()
fs.init_app(app, photos, archive)
celery = Celery(__name__)
celery.conf.update(app.config["CELERY"])


AGAIN = (fs.BackendError, fs.VersionChanged)


# done again if it fails, and if its process is killed
@celery.task(acks_late=True, reject_on_worker_lost=True, autoretry_for=AGAIN, retry_backoff=True, max_retries=5)
def copy_part(part: int, parts: int) -> dict[str, int]:
    with app.app_context():
        report = sync(photos, archive, shard=(part, parts))
    errors = [failure.error for failure in report.failures if failure.error]
    for error in sorted(errors, key=lambda error: not isinstance(error, AGAIN)):
        # the next try finds what this one did; one file that is worth it is enough
        raise error
    return dict(report.counts)


def copy_all(parts: int = 16) -> None:
    for part in range(1, parts + 1):
        copy_part.delay(part, parts)
