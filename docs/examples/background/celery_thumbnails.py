"""Avatars whose thumbnails a worker of Celery makes."""

from celery import Celery
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Mapped, mapped_column

import flask_pyfs as fs
from flask_pyfs.sqlalchemy import ImageReference, ImageType, render

avatars = fs.Storage("avatars", fs.IMAGES)

app = Flask(__name__)
app.config.update(
    FS_SERVE=True,
    SQLALCHEMY_DATABASE_URI="sqlite:///users.sqlite",
    CELERY={"broker_url": "redis://localhost:6379/0"},
)
app.config.from_prefixed_env()
fs.init_app(app, avatars)
db = SQLAlchemy(app)
celery = Celery(__name__)
celery.conf.update(app.config["CELERY"])


class User(db.Model):  # type: ignore[name-defined, misc]
    id: Mapped[int] = mapped_column(primary_key=True)
    avatar: Mapped[ImageReference] = mapped_column(
        ImageType(avatars, max_size=800, thumbnails=[50, 100], process="later"), nullable=True
    )


@celery.task(autoretry_for=(fs.BackendError,), retry_backoff=True, max_retries=5)
def make_thumbnails(job: dict[str, object]) -> None:
    with app.app_context():
        render(job, db.session)


app.config["FS_ENQUEUE"] = make_thumbnails.delay
