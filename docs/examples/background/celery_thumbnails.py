"""Thumbnails that a worker of Celery makes."""

from celery import Celery
from flask import Flask

import flask_pyfs as fs
from flask_pyfs import images
from flask_pyfs.signals import file_uploaded

photos = fs.Storage("photos", fs.IMAGES)
thumbnails = fs.Storage("thumbnails", fs.IMAGES)

app = Flask(__name__)
app.config.update(FS_SERVE=True, CELERY_BROKER_URL="redis://localhost:6379/0")
app.config.from_prefixed_env()
fs.init_app(app, photos, thumbnails)

celery = Celery(__name__, broker=app.config["CELERY_BROKER_URL"])


@celery.task(autoretry_for=(fs.BackendError,), retry_backoff=True, max_retries=5)
def make_thumbnail(name: str) -> None:
    with app.app_context():
        try:
            with photos.open(name, "rb") as photo:
                thumbnails.write(name, images.make_thumbnail(photo, 100), overwrite=True)
        except fs.FileNotFound:
            pass  # the photo was deleted in the meantime
        except fs.UnauthorizedFileType as error:
            app.logger.warning("no thumbnail of %s: %s", name, error)  # an SVG, or too large to decode


@file_uploaded.connect_via(photos)
def photo_uploaded(storage: fs.Storage, filename: str) -> None:
    make_thumbnail.delay(str(filename))
