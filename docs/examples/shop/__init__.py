"""A shop: products with images, manuals and videos, customers with avatars, orders with private invoices.

Run it with ``flask --app docs/examples/shop setup && flask --app docs/examples/shop run``. Without any configuration
the database and the files are below the app's instance directory, and thumbnails are made without a worker.

A line that ends with ``# glue: …`` would not be there if its extension knew of storages by itself.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from flask import Flask, render_template, request
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_wtf import CSRFProtect
from werkzeug.exceptions import HTTPException

import flask_pyfs as fs

from .access import Visitor, may_read_invoice
from .admin import admin
from .commands import setup
from .models import Customer, avatars, db, invoices, manuals, pictures, videos
from .tasks import init_celery, make_thumbnails
from .views import shop

csrf = CSRFProtect()
login = LoginManager()
migrate = Migrate(db=db, directory=str(Path(__file__).with_name("migrations")))


def create_app(instance_path: str | None = None) -> Flask:
    app = Flask(__name__, instance_path=instance_path)
    app.config.from_mapping(
        FS_SERVE=True,
        FS_MAX_SIZE="16 MB",
        INVOICES_FS_AUTHORIZE=may_read_invoice,  # glue: private
        VIDEOS_FS_MAX_SIZE="2 GB",
        MAX_CONTENT_LENGTH=64_000_000,
        # several processes, or forms that outlive a restart, need a fixed key: FLASK_SECRET_KEY
        SECRET_KEY=secrets.token_hex(),
        SESSION_COOKIE_NAME="shop",
        SESSION_COOKIE_SAMESITE="Lax",
        USE_SESSION_FOR_NEXT=True,
        SQLALCHEMY_DATABASE_URI="sqlite:///shop.db",
        # with FLASK_CELERY__broker_url, a worker does what is left for later; else the request does it
        CELERY={},
    )
    app.config.from_prefixed_env()

    db.init_app(app)
    migrate.init_app(app)
    csrf.init_app(app)
    login.init_app(app)
    init_celery(app)
    app.config["FS_ENQUEUE"] = make_thumbnails.delay  # glue: thumbnails
    admin.init_app(app)
    fs.init_app(app, pictures, manuals, videos, avatars, invoices)
    csrf.exempt(app.view_functions["fs.put_file"])  # glue: direct uploads
    app.register_blueprint(shop)
    app.register_error_handler(HTTPException, show_error)
    app.cli.add_command(setup)
    return app


login.login_view = "shop.sign_in"
login.anonymous_user = Visitor


@login.user_loader
def load_customer(key: str) -> Customer | None:
    return db.session.get(Customer, int(key))


def show_error(error: HTTPException) -> Any:
    if request.accept_mimetypes.best == "application/json":
        return {"description": error.description}, error.code
    return render_template("shop/error.html", error=error), error.code
