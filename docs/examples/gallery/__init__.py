"""A gallery of images: upload several at once, look at them, delete them.

Run it with ``flask --app docs/examples/gallery run``. Without any configuration the images and their thumbnails are
files below the app's instance directory. To change that, set environment variables: ``FLASK_FS_BACKEND=memory``, or
``FLASK_PHOTOS_FS_BACKEND=memory`` for the images alone.
"""

from __future__ import annotations

import dataclasses
import heapq
import secrets
from contextlib import suppress
from typing import Any

from flask import Flask, abort, current_app, flash, jsonify, redirect, render_template, request, session, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge

import flask_pyfs as fs
from flask_pyfs.signals import file_deleted, file_uploaded
from flask_pyfs.uploads import client_name

# isort: split
# after flask_pyfs, which lets fs do without pkg_resources
from fs.errors import ResourceNotFound

try:
    from flask_pyfs import images
except ImportError:
    # without Pillow the page shows the images themselves
    images = None  # type: ignore[assignment]

photos = fs.Storage("photos", fs.IMAGES)
thumbnails = fs.Storage("thumbnails", fs.IMAGES)

UPLOAD_SECONDS = 60 * 60
PHOTOS_PER_PAGE = 60
MESSAGES_PER_UPLOAD = 6
SHOWN_LENGTH = 60
THUMBNAIL_PIXELS = 480


def create_app(instance_path: str | None = None) -> Flask:
    app = Flask(__name__, instance_path=instance_path)
    app.config.from_mapping(
        FS_SERVE=True,
        MAX_CONTENT_LENGTH=64 * 1024 * 1024,
        # several processes, or forms that outlive a restart, need a fixed key: FLASK_SECRET_KEY
        SECRET_KEY=secrets.token_hex(),
        SESSION_COOKIE_NAME="gallery",
        SESSION_COOKIE_SAMESITE="Lax",
    )
    app.config.from_prefixed_env()
    fs.init_app(app, photos, thumbnails)
    app.before_request(require_token)
    app.register_error_handler(BadRequest, show_error)
    app.register_error_handler(RequestEntityTooLarge, show_too_large)
    app.add_url_rule("/", view_func=index)
    app.add_url_rule("/", view_func=upload, methods=["POST"])
    app.add_url_rule("/upload-url", view_func=upload_url, methods=["POST"])
    app.add_url_rule("/delete", view_func=delete, methods=["POST"])
    return app


def index() -> str:
    return render_page()


def upload() -> Any:
    uploads = [file for file in request.files.getlist("photos") if file.filename]
    stored, refused = [], []
    for file in uploads:
        try:
            stored.append(store(file))
        except fs.FSError as error:
            if error.code >= 500 or isinstance(error, fs.PermissionDenied):
                current_app.logger.exception("an upload could not be stored")
            refused.append(f"“{shorten(file.filename)}” was not stored. {error.user_message}")
    if not uploads:
        refused.append("No file was chosen.")

    messages = [("error", text) for text in refused[:MESSAGES_PER_UPLOAD]]
    if len(refused) > MESSAGES_PER_UPLOAD:
        messages.append(("error", f"{len(refused) - MESSAGES_PER_UPLOAD} more files were refused."))
    if stored:
        subject = f"“{shorten(stored[0])}” was" if len(stored) == 1 else f"{len(stored)} images were"
        messages.append(("success", f"{subject} stored."))

    if wants_json():
        return jsonify(stored=stored, messages=messages), 201 if stored else 400
    for category, text in messages:
        flash(text, category)
    return redirect(url_for("index"), 303)


def upload_url() -> Any:
    """Tell the page's script where to send a file: to the store itself, if it accepts uploads."""
    # if the file is not taken, the script sends it to the app, which says why
    target = photos.upload_url(
        client_name(request.form.get("name", "")),
        expires=UPLOAD_SECONDS,
        max_size=current_app.config["MAX_CONTENT_LENGTH"],
    )
    return jsonify(dataclasses.asdict(target))


def store(file: FileStorage) -> str:
    try:
        return photos.save(file)
    except fs.FileExists:
        file.seek(0)
        return photos.save(file, unique=True)


@file_uploaded.connect_via(photos)
def make_thumbnail(storage: fs.Storage, filename: str) -> None:
    """Make a smaller image of a new photo that came through the app."""
    if images is None:
        return
    try:
        with photos.open(filename, "rb") as photo:
            thumbnails.write(filename, images.resize(photo, THUMBNAIL_PIXELS), overwrite=True)
    except fs.UnauthorizedFileType:
        pass  # such as SVG, which browsers scale themselves
    except fs.FSError:
        current_app.logger.exception("%r has no thumbnail", filename)


@file_deleted.connect_via(photos)
def delete_thumbnail(storage: fs.Storage, filename: str) -> None:
    thumbnails.delete(filename)


def delete() -> Any:
    name = request.form.get("name", "")
    photos.delete(name)
    flash(f"“{shorten(name)}” was deleted.", "success")
    return redirect(url_for("index", after=request.form.get("after") or None), 303)


def list_photos(after: str) -> tuple[list[dict[str, Any]], bool]:
    """Describe the photos of one page, sorted by name, and say whether there are more. Only these names are kept."""
    names = heapq.nsmallest(PHOTOS_PER_PAGE + 1, (name for name in photos.list_files() if name > after))
    wanted = names[:PHOTOS_PER_PAGE]
    small = set(thumbnails.list_files()).intersection(wanted)
    described = []
    for name in wanted:
        url = photos.url(name)
        shown = thumbnails.url(name) if name in small else url
        with suppress(ResourceNotFound):  # deleted in the meantime
            described.append({"name": name, "url": url, "shown": shown, "size": photos.fs.getsize(name)})
    return described, len(names) > PHOTOS_PER_PAGE


def render_page(error: str | None = None) -> str:
    after = request.args.get("after", "")
    described, has_more = list_photos(after)
    return render_template(
        "gallery.html",
        photos=described,
        has_more=has_more,
        after=after,
        error=error,
        extensions=fs.IMAGES,
        token=session.setdefault("token", secrets.token_urlsafe()),
    )


def require_token() -> None:
    """Reject forms of other sites: they do not know the token in the session."""
    # a signed upload needs no token
    if request.method == "POST" and request.endpoint != "fs.put_file":
        known, sent = session.get("token", ""), request.form.get("token", "")
        if not known or not secrets.compare_digest(known.encode(), sent.encode()):
            abort(400, "This page was too old. Please try again.")


def show_error(error: HTTPException) -> Any:
    if wants_json():
        return jsonify(stored=[], messages=[("error", error.description)]), error.code
    return render_page(error.description), error.code


def show_too_large(error: HTTPException) -> Any:
    limit = current_app.jinja_env.filters["filesizeformat"](current_app.config["MAX_CONTENT_LENGTH"], True)
    error.description = f"That was too large: an upload may have {limit} at most."
    return show_error(error)


def wants_json() -> bool:
    return request.accept_mimetypes.best == "application/json"


def shorten(name: str | None) -> str:
    # messages travel in a cookie, which holds 4 KB
    text = name or ""
    return text if len(text) <= SHOWN_LENGTH else text[: SHOWN_LENGTH - 1] + "…"
