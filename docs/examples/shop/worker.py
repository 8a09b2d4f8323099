"""The worker: ``cd docs/examples && celery -A shop.worker worker``, with the environment of the app."""

from . import create_app

celery = create_app().extensions["celery"]
