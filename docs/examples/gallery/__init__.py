"""A gallery of images: upload many at once, look at them, delete them, and bring them back.

Run it with ``flask --app docs/examples/gallery run``. Without any configuration the images and their thumbnails are
files below the app's instance directory. To change that, set environment variables: ``FLASK_FS_BACKEND=memory``, or
``FLASK_PHOTOS_FS_BACKEND=memory`` for the images alone.

``library`` has all that happens to the photos. Everything works without JavaScript; ``static/gallery.js`` adds what a
form cannot do.
"""

from __future__ import annotations

import secrets
from typing import Any

from flask import Flask, abort, current_app, flash, redirect, render_template, request, session, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import BadRequest, HTTPException, NotFound, RequestEntityTooLarge

import flask_pyfs as fs
from flask_pyfs.resumable.script import script_url

from . import library
from .library import photos, thumbnails

REASONS_SHOWN = 6
SHOWN_LENGTH = 60


def create_app(instance_path: str | None = None) -> Flask:
    app = Flask(__name__, instance_path=instance_path)
    app.config.from_mapping(
        FS_SERVE=True,
        # of one image, and of a form that has several
        PHOTOS_FS_MAX_SIZE="50 MB",
        MAX_CONTENT_LENGTH=200_000_000,
        # a small file may say that it has billions of pixels, which browsers would unpack
        PHOTOS_FS_IMAGES_MAX_PIXELS=200_000_000,
        # the URL of a thumbnail tells the time of its photo
        THUMBNAILS_FS_MAX_AGE=24 * 60 * 60,
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
    app.add_url_rule("/thumbnail", view_func=thumbnail)
    app.add_url_rule("/delete", view_func=delete, methods=["POST"])
    app.add_url_rule("/undo", view_func=undo, methods=["POST"])
    app.add_template_filter(size_text)
    app.cli.command("sweep")(library.sweep)
    return app


# Pages


def index() -> Any:
    return render_page()


def render_page(error: str | None = None) -> Any:
    order = request.args.get("order", "newest")
    if order not in library.ORDERS:
        order = "newest"
    status = 200
    try:
        page = library.page_of(order, max(1, request.args.get("page", 1, type=int)))
    except fs.FSError as failure:
        current_app.logger.exception("the photos cannot be listed")
        page, error, status = None, error or f"The images cannot be shown. {failure.user_message}", 503
    text = render_template(
        "gallery.html",
        page=page,
        order=order,
        orders=library.ORDERS,
        error=error,
        extensions=fs.IMAGES,
        limit=photos.config["max_size"],
        at_once=limits_at_once(),
        token=session.setdefault("token", secrets.token_urlsafe()),
        photo_url=photos.url,
        thumbnail_url=thumbnail_url,
        script_url=script_url,
    )
    return text, status


def thumbnail_url(entry: Any) -> str:
    """Return the URL of a thumbnail, which need not exist yet."""
    if entry.name.lower().endswith(".svg"):
        return photos.url(entry.name)
    return url_for("thumbnail", name=entry.name, of=entry.modified and f"{entry.modified.timestamp():.6f}")


def thumbnail() -> Any:
    """Send a photo made small. The first request makes it: that costs no upload anything, and needs no list of them."""
    name = request.args.get("name", "")
    try:
        return thumbnails.serve(name)
    except NotFound:
        return thumbnails.serve(name) if library.make_thumbnail(name) else redirect(photos.url(name))


# Uploads


def upload() -> Any:
    """Store the files of a form, all of which a browser without JavaScript sends in one request."""
    tell([take(file) for file in request.files.getlist("photos") if file.filename])
    return redirect(url_for("index"), 303)


def take(file: FileStorage) -> dict[str, Any]:
    """Store an upload, and return what became of it."""
    try:
        return {"name": file.filename, "stored": library.store(file)}
    except fs.FSError as error:
        log(error, "an upload could not be stored")
        return {"name": file.filename, "reason": error.user_message}


def tell(results: list[dict[str, Any]]) -> None:
    """Say on the next page what became of the files of a form: in one message, which has to fit in a cookie."""
    if not results:
        flash({"category": "error", "text": "Choose a file first."})
        return
    refused = [result for result in results if "reason" in result]
    stored = len(results) - len(refused)
    text = f"{counted(stored, 'image')} stored."
    if refused:
        text += f" {counted(len(refused), 'file')} not."
    flash(
        {
            "category": "error" if refused else "success",
            "text": text,
            "refused": [{"name": shorten(each["name"]), "reason": each["reason"]} for each in refused[:REASONS_SHOWN]],
            "more": len(refused[REASONS_SHOWN:]),
        }
    )


def upload_url() -> Any:
    """Tell the script where it may send one file, piece by piece.

    A file that would be refused for its name is refused now, for the reason that ``save`` would have.
    """
    try:
        target = library.agree(request.form.get("name", ""), is_one_of_many="same" in request.form)
    except fs.FSError as error:
        log(error, "an upload cannot begin")
        return {"description": error.user_message}, error.code
    return {"url": target.url, "name": target.name}


# Deleting


def delete() -> Any:
    name = request.form.get("name", "")
    try:
        kept = library.delete(name)
    except fs.FileNotFound:
        flash({"category": "error", "text": f"“{shorten(name)}” is not there any more."})
    except fs.FSError as error:
        log(error, "a photo could not be deleted")
        flash({"category": "error", "text": f"“{shorten(name)}” was not deleted. {error.user_message}"})
    else:
        flash({"category": "success", "text": f"“{shorten(name)}” was deleted.", "undo": kept})
    return redirect(same_page(), 303)


def undo() -> Any:
    kept = request.form.get("kept", "")
    try:
        name = library.bring_back(kept)
    except fs.FileNotFound:
        flash({"category": "error", "text": "The image is gone: it was kept for an hour only."})
    except fs.FSError as error:
        log(error, "a photo could not be brought back")
        # it is still kept
        flash({"category": "error", "text": f"The image is not back. {error.user_message}", "undo": kept})
    else:
        flash({"category": "success", "text": f"“{shorten(name)}” is back.", "back": name})
    return redirect(same_page(), 303)


def same_page() -> str:
    return url_for("index", order=request.form.get("order") or None, page=request.form.get("page") or None)


# Errors


def require_token() -> None:
    """Reject forms of other sites: they do not know the token in the session."""
    # the URLs of uploads are signed
    if request.method == "POST" and request.blueprint != "fs":
        known, sent = session.get("token", ""), request.form.get("token", "")
        if not known or not secrets.compare_digest(known.encode(), sent.encode()):
            abort(400, "This page was too old. Please try again.")


def log(error: fs.FSError, what: str) -> None:
    """Log an error that no visitor caused."""
    if error.code >= 500 or isinstance(error, fs.PermissionDenied):
        current_app.logger.error(what, exc_info=error)


def show_error(error: HTTPException) -> Any:
    if request.accept_mimetypes.best == "application/json":
        return {"description": error.description}, error.code
    return render_page(error.description)[0], error.code


def show_too_large(error: HTTPException) -> Any:
    if not isinstance(error.__cause__, fs.FileTooLarge):
        error.description = f"That was too much: choose at most {' and '.join(limits_at_once())} at once."
    return show_error(error)


def limits_at_once() -> list[str]:
    """Return what a form may have: Werkzeug limits the number of its parts, of which one is the token."""
    most, limit = request.max_form_parts, current_app.config["MAX_CONTENT_LENGTH"]
    limits = [f"{most - 1:,} images"] if most else []
    return limits + ([size_text(limit)] if limit else [])


# Texts


def counted(number: int, thing: str) -> str:
    return f"1 {thing} was" if number == 1 else f"{number:,} {thing}s were"


def size_text(size: int) -> str:
    text: str = current_app.jinja_env.filters["filesizeformat"](size)
    return text.replace(".0 ", " ")


def shorten(name: str | None) -> str:
    # a message travels in a cookie, which holds 4 KB
    text = name or ""
    return text if len(text) <= SHOWN_LENGTH else text[: SHOWN_LENGTH - 1] + "…"
