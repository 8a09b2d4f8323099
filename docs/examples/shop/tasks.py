"""What happens after a request: by a worker of Celery, or at once if there is no broker."""

from __future__ import annotations

from typing import Any

from celery import Celery, Task, shared_task
from flask import Flask

import flask_pyfs as fs
from flask_pyfs.sqlalchemy import render  # glue: thumbnails, import

from .models import db


def init_celery(app: Flask) -> None:
    class AppTask(Task):
        def __call__(self, *args: Any, **options: Any) -> Any:
            with app.app_context():
                return self.run(*args, **options)

    celery = Celery(app.name, task_cls=AppTask)
    settings = app.config["CELERY"]
    celery.conf.update({"task_always_eager": "broker_url" not in settings, "task_ignore_result": True, **settings})
    celery.set_default()
    app.extensions["celery"] = celery


@shared_task(autoretry_for=(fs.BackendError,), retry_backoff=True)  # glue: thumbnails, decorator
def make_thumbnails(job: Any) -> None:  # glue: thumbnails
    render(job, db.session)  # glue: thumbnails
