"""FS_HANDLE_ERRORS: errors that clients cause are answered, and an app's own handlers win."""

import asyncio
import base64
import io
import itertools
import logging
import re
from pathlib import Path
from typing import Any, cast

import flask
import pytest
from fs import errors as fs_errors
from fs.memoryfs import MemoryFS
from werkzeug.exceptions import HTTPException, InternalServerError, NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

import flask_pyfs as fs

README = Path(__file__).resolve().parents[2] / "README.md"
GIF = base64.b64decode("R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=")
JSON = {"Accept": "application/json"}

# what a client caused is answered
ANSWERED = {
    fs.FileNotFound: 404,
    fs.FileExists: 409,
    fs.VersionChanged: 409,
    fs.FileTooLarge: 413,
    fs.UnauthorizedFileType: 415,
    fs.InvalidPath: 400,
    fs.EmptyUpload: 400,
    fs.UploadNotAllowed: 403,
    fs.NotAuthorized: 403,
}
UNCAUGHT = [fs.PermissionDenied, fs.BackendError, fs.ConfigurationError, fs.OperationNotSupported, fs.FSError]

CLASSES = [fs.FileNotFound, fs.FSError, FileNotFoundError, OSError, Exception]
STATUSES = [404, NotFound, HTTPException]


@pytest.fixture
def make_app(tmp_path):
    def make_app(**settings):
        app = flask.Flask("shop", instance_path=str(tmp_path))
        app.config.update(FS_BACKEND="memory", **settings)
        return app

    return make_app


def handle(target, key, name, calls):
    """Register a handler that records what it was called with, and answers with its name and a status."""

    def handler(error):
        calls.append(error)
        return f"handled by {name}", 299

    target.register_error_handler(key, handler)


def raising(error):
    def view():
        raise error

    return view


def ask(app, error, **options):
    """Return the response to a request whose view raises an error."""
    if "boom" not in app.view_functions:
        app.add_url_rule("/boom", "boom", raising(error))
    return app.test_client().get("/boom", **options)


# What is answered


@pytest.mark.parametrize(("kind", "status"), ANSWERED.items())
@pytest.mark.parametrize("config", [{}, {"TESTING": True}, {"PROPAGATE_EXCEPTIONS": True}, {"FS_HANDLE_ERRORS": "yes"}])
def test_what_a_client_caused_is_answered(make_app, kind, status, config):
    app = make_app(**config)
    fs.init_app(app)
    error = kind("'a.txt' in storage 'files': SECRET_KEY", path="a.txt", storage="files")
    page = ask(app, error)
    assert (page.status_code, page.mimetype, page.headers["Vary"]) == (status, "text/html", "Accept")
    assert f"<p>{error.user_message}</p>" in page.text
    answer = ask(app, error, headers=JSON)
    assert (answer.status_code, answer.mimetype, answer.headers["Vary"]) == (status, "application/json", "Accept")
    assert answer.json == {
        "code": status,
        "name": re.search("<h1>(.*)</h1>", page.text).group(1),
        "description": error.user_message,
        "error": kind.__name__,
    }
    for text in (page.text, answer.text):
        assert not re.search(r"a\.txt|'files'|SECRET_KEY", text)


@pytest.mark.parametrize("kind", UNCAUGHT)
def test_what_a_store_or_the_app_caused_goes_to_flask(make_app, kind, caplog):
    app, seen = make_app(), []
    fs.init_app(app)
    error = kind("'a.txt' in storage 'files'")
    with flask.got_request_exception.connected_to(lambda app, exception: seen.append(exception), app):
        answer = ask(app, error)
    assert answer.status_code == 500
    assert "a.txt" not in answer.text
    assert seen == [error]
    assert [record.exc_info[1] for record in caplog.records if record.levelname == "ERROR"] == [error]
    for settings in ({"TESTING": True}, {"PROPAGATE_EXCEPTIONS": True}, {"DEBUG": True}):
        app.config.update(settings)
        with pytest.raises(kind) as raised:
            ask(app, error)
        assert raised.value is error
        app.config.update(dict.fromkeys(settings))


def test_what_is_answered_is_no_exception_for_flask(make_app, caplog):
    app, seen = make_app(), []
    fs.init_app(app)
    with flask.got_request_exception.connected_to(lambda app, exception: seen.append(exception), app):
        assert ask(app, fs.FileExists()).status_code == 409
    assert seen == []
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_the_developer_finds_out_why(make_app, caplog):
    caplog.set_level("INFO", "flask_pyfs")
    app = make_app()
    fs.init_app(app)
    error = fs.FileExists("'a.txt' in storage 'files':\nthe name is taken")
    ask(app, error)
    (record,) = caplog.records
    assert (record.name, record.levelname, record.exc_info) == ("flask_pyfs.web.failures", "INFO", None)
    assert record.getMessage() == (
        "answered 409 to GET '/boom': FileExists: 'a.txt' in storage 'files': the name is taken"
    )
    caplog.set_level("DEBUG", "flask_pyfs")
    ask(app, error)
    assert caplog.records[1].exc_info[1] is error


def test_in_debug_mode_the_answer_has_the_message(make_app):
    app = make_app(DEBUG=True)
    fs.init_app(app)
    error = fs.FileExists("'<a>.txt' in storage 'files': the name is taken")
    page = ask(app, error)
    assert page.status_code == 409
    assert f"<p>{error.user_message}</p><p>FileExists: &#39;&lt;a&gt;.txt&#39; in storage" in page.text
    answer = ask(app, error, headers=JSON).json
    assert answer["description"] == error.user_message
    assert answer["debug"] == f"FileExists: {error}"


def test_a_sentence_is_escaped_and_may_be_lazy(make_app):
    class Lazy:
        def __str__(self):
            return "<b>Zu groß</b>"

    app = make_app()
    fs.init_app(app)
    error = fs.FileTooLarge(user_message=cast(Any, Lazy()))
    assert "<p>&lt;b&gt;Zu groß&lt;/b&gt;</p>" in ask(app, error).text
    assert ask(app, error, headers=JSON).json["description"] == "<b>Zu groß</b>"


@pytest.mark.parametrize(
    ("code", "base", "status"),
    [
        (402, fs.FSError, 402),
        (416, fs.FSError, 416),
        (405, fs.FileTooLarge, 405),
        (404, fs.PermissionDenied, 500),
        (404, fs.NotAuthorized, 404),
        (507, fs.FileTooLarge, 500),
    ],
)
def test_errors_of_the_app(make_app, code, base, status):
    kind = type("OutOfSpace", (base,), {"code": code, "user_message": "You have no space left."})
    app = make_app()
    fs.init_app(app)
    answer = ask(app, kind("7 of 5"), headers=JSON)
    assert answer.status_code == status
    if status < 500:
        assert (answer.json["error"], answer.json["description"]) == ("OutOfSpace", "You have no space left.")


@pytest.mark.parametrize(
    ("accept", "json"),
    [
        (None, False),
        ("", False),
        # fetch() and curl, which say nothing
        ("*/*", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", False),
        ("image/avif,image/webp,image/png,*/*;q=0.5", False),
        ("text/html, application/json", False),
        ("text/html, application/json;q=0.9", False),
        ("text/plain", False),
        ("application/json", True),
        ("application/*", True),
        # axios, jQuery
        ("application/json, text/plain, */*", True),
        ("application/json, text/javascript, */*; q=0.01", True),
        ("text/html;q=0.5, application/json", True),
        ("application/json;q=0", False),
    ],
)
def test_json_is_for_those_who_prefer_it(make_app, accept, json):
    app = make_app()
    fs.init_app(app)
    answer = ask(app, fs.FileExists(), headers={} if accept is None else {"Accept": accept})
    assert answer.mimetype == ("application/json" if json else "text/html")


def test_an_answer_to_head_has_no_body(make_app):
    app = make_app()
    fs.init_app(app)
    ask(app, fs.FileExists())
    answer = app.test_client().head("/boom")
    assert (answer.status_code, answer.data) == (409, b"")


# Where the error comes from


def test_wherever_a_request_fails(make_app):
    app = make_app()
    fs.init_app(app)
    app.add_url_rule(
        "/page", "page", lambda: flask.render_template_string("{{ fail() }}", fail=raising(fs.FileExists()))
    )
    assert app.test_client().get("/page").status_code == 409
    app.before_request_funcs.setdefault(None, []).append(raising(fs.FileTooLarge()))
    assert app.test_client().get("/page").status_code == 413


class WithoutAsgiref(flask.Flask):
    def async_to_sync(self, func):
        return lambda *arguments, **named: asyncio.run(func(*arguments, **named))


def test_async_views_and_handlers(tmp_path):
    app = WithoutAsgiref("shop", instance_path=str(tmp_path))
    fs.init_app(app)

    @app.get("/")
    async def view():
        raise fs.FileNotFound

    assert app.test_client().get("/").status_code == 404
    app = WithoutAsgiref("shop", instance_path=str(tmp_path))
    fs.init_app(app)
    app.add_url_rule("/", view_func=view)

    @app.errorhandler(OSError)
    async def handler(error):
        return type(error).__name__, 299

    assert app.test_client().get("/").text == "FileNotFound"


def test_each_app_decides_for_itself(make_app):
    storage = fs.Storage("files")
    apps = [make_app(), make_app(FS_HANDLE_ERRORS=False), make_app()]
    for app in apps:
        fs.init_app(app, storage)
        app.add_url_rule("/read", view_func=lambda: storage.read("none.txt"))
    handle(apps[2], FileNotFoundError, "the third", calls := [])
    assert [app.test_client().get("/read").status_code for app in apps] == [404, 500, 299]
    assert len(calls) == 1
    mounted = Client(DispatcherMiddleware(apps[0], {"/second": apps[1], "/third": apps[2]}))
    assert [mounted.get(path).status_code for path in ("/read", "/second/read", "/third/read")] == [404, 500, 299]


def test_an_app_inside_a_request_of_another(make_app):
    outer, inner = make_app(), make_app(FS_HANDLE_ERRORS=False)
    fs.init_app(outer)
    fs.init_app(inner)
    inner.add_url_rule("/", view_func=raising(fs.FileExists()))
    outer.add_url_rule("/", view_func=lambda: str(inner.test_client().get("/").status_code))
    outer.add_url_rule("/own", "own", raising(fs.FileExists()))
    assert outer.test_client().get("/").text == "500"
    assert outer.test_client().get("/own").status_code == 409


def test_a_storage_of_a_script_on_an_app(make_app):
    class Settings:
        config = {"FILES_FS_BACKEND": "memory"}

    storage = fs.Storage("files")
    storage.configure(Settings())
    app = make_app()
    app.add_url_rule("/read", view_func=lambda: storage.read("none.txt"))
    fs.init_app(app)
    assert app.test_client().get("/read").status_code == 404


def test_the_setting_is_one_of_the_app(make_app):
    with pytest.raises(fs.ConfigurationError, match="FS_HANDLE_ERRORS must be true or false"):
        fs.init_app(make_app(FS_HANDLE_ERRORS="maybe"))
    with pytest.raises(fs.ConfigurationError, match="FILES_FS_HANDLE_ERRORS"):
        fs.init_app(make_app(FILES_FS_HANDLE_ERRORS=False), fs.Storage("files"))
    app = make_app()
    fs.init_app(app)
    for value, status in (("no", 500), ("on", 409), (None, 409)):
        # read for each error
        app.config["FS_HANDLE_ERRORS"] = value
        assert ask(app, fs.FileExists()).status_code == status
    app.config.update(FS_HANDLE_ERRORS=False, TESTING=True)
    with pytest.raises(fs.FileExists):
        ask(app, fs.FileExists())


def test_more_storages_may_come_after_the_first_request(make_app):
    app = make_app()
    fs.init_app(app, fs.Storage("files"))
    assert ask(app, fs.FileExists()).status_code == 409
    fs.init_app(app, fs.Storage("others"))
    assert ask(app, fs.FileExists()).status_code == 409


# Handlers of the app


def in_order(app, handlers, order, error, init=True):
    """Return what answers an error in a blueprint's view, if ``handlers`` registers handlers at some time."""
    blueprint = flask.Blueprint("shop", "shop")
    blueprint.add_url_rule("/boom", "boom", raising(error))
    steps = {
        "before": [
            lambda: handlers(app),
            *([lambda: fs.init_app(app)] * init),
            lambda: app.register_blueprint(blueprint),
        ],
        "after": [
            *([lambda: fs.init_app(app)] * init),
            lambda: app.register_blueprint(blueprint),
            lambda: handlers(app),
        ],
        "in a blueprint before": [
            lambda: handlers(blueprint),
            lambda: app.register_blueprint(blueprint),
            *([lambda: fs.init_app(app)] * init),
        ],
        "in a blueprint after": [
            *([lambda: fs.init_app(app)] * init),
            lambda: handlers(blueprint),
            lambda: app.register_blueprint(blueprint),
        ],
        "in a nested blueprint": [
            *([lambda: fs.init_app(app)] * init),
            lambda: handlers(blueprint),
            lambda: (
                (outer := flask.Blueprint("outer", "outer")).register_blueprint(blueprint)
                or app.register_blueprint(outer)
            ),
        ],
    }[order]
    for step in steps:
        step()
    return app.test_client().get("/boom")


ORDERS = ["before", "after", "in a blueprint before", "in a blueprint after", "in a nested blueprint"]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("key", CLASSES)
def test_a_handler_for_a_class_gets_the_error(make_app, key, order, enabled):
    error, calls = fs.FileNotFound("none.txt"), []
    answer = in_order(
        make_app(FS_HANDLE_ERRORS=enabled), lambda target: handle(target, key, "a class", calls), order, error
    )
    assert (answer.status_code, answer.text) == (299, "handled by a class")
    assert calls == [error]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("key", STATUSES)
def test_a_handler_for_the_status_gets_the_exception_of_werkzeug(make_app, key, order):
    error, calls = fs.FileNotFound("none.txt", user_message="Nothing here."), []
    answer = in_order(make_app(), lambda target: handle(target, key, "a status", calls), order, error)
    assert (answer.status_code, answer.text) == (299, "handled by a status")
    (given,) = calls
    assert isinstance(given, NotFound)
    assert (given.code, given.name, given.description) == (404, "Not Found", "Nothing here.")
    assert given.__cause__ is error
    assert "Nothing here." in given.get_body()


@pytest.mark.parametrize(("kind", "status"), ANSWERED.items())
def test_every_status_can_be_handled(make_app, kind, status):
    error, calls = kind("none.txt"), []
    answer = in_order(make_app(), lambda target: handle(target, status, "a status", calls), "after", error)
    assert answer.status_code == 299
    assert [(each.code, each.__cause__) for each in calls] == [(status, error)]


@pytest.mark.parametrize("key", [500, InternalServerError, 409, KeyError, fs.FileExists])
def test_other_handlers_do_not_get_it(make_app, key):
    answer = in_order(make_app(), lambda target: handle(target, key, "another", []), "after", fs.FileNotFound())
    assert answer.status_code == 404


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations([*CLASSES, *STATUSES], 2)))
def test_of_two_handlers_the_nearer_class_wins_and_then_the_status(make_app, first, second):
    def handlers(target):
        for key in (first, second):
            handle(target, key, repr(key), [])

    ranks = [fs.FileNotFound, fs.FSError, FileNotFoundError, OSError, Exception, 404, NotFound, HTTPException]
    # for Flask, these two are one
    winner = second if {first, second} == {404, NotFound} else min(first, second, key=ranks.index)
    for order in ("before", "after"):
        assert in_order(make_app(), handlers, order, fs.FileNotFound()).text == f"handled by {winner!r}"


@pytest.mark.parametrize("error", [fs.FileNotFound, *UNCAUGHT])
@pytest.mark.parametrize("key", [*CLASSES, 404, HTTPException, 500, 503, 403, PermissionError])
def test_what_is_not_answered_is_flasks_as_if_nothing_handled_it(make_app, error, key):
    settings = {} if error in UNCAUGHT else {"FS_HANDLE_ERRORS": False}

    def outcome(order, init):
        calls = []
        answer = in_order(
            make_app(**settings),
            lambda target: handle(target, key, "a handler", calls),
            order,
            error("what happened"),
            init=init,
        )
        originals = [getattr(call, "original_exception", None) for call in calls]
        return answer.status_code, answer.text, list(map(type, calls)), list(map(type, originals))

    for order in ORDERS:
        assert outcome(order, init=True) == outcome(order, init=False)


def test_the_handler_of_flasks_documentation(make_app):
    app = make_app()
    fs.init_app(app)

    @app.errorhandler(HTTPException)
    def in_json(error):
        response = error.get_response()
        response.data = flask.json.dumps({"code": error.code, "name": error.name, "description": error.description})
        response.content_type = "application/json"
        return response

    answer = ask(app, fs.UnauthorizedFileType(user_message="Only pdf files are accepted."))
    assert (answer.status_code, answer.mimetype) == (415, "application/json")
    assert answer.json == {"code": 415, "name": "Unsupported Media Type", "description": "Only pdf files are accepted."}


@pytest.mark.parametrize("key", [404, HTTPException])
def test_a_handler_may_change_the_sentence(make_app, key):
    app = make_app(FS_SERVE=True)
    fs.init_app(app, fs.Storage("files"))

    @app.errorhandler(key)
    def in_german(failure):
        failure.description = "Diese Datei gibt es <nicht>."
        return failure

    for page in (ask(app, fs.FileNotFound()), app.test_client().get("/files/none.txt")):
        assert page.status_code == 404
        assert "<p>Diese Datei gibt es &lt;nicht&gt;.</p>" in page.text
    for answer in (ask(app, fs.FileNotFound(), headers=JSON), app.test_client().get("/files/none.txt", headers=JSON)):
        assert answer.json["description"] == "Diese Datei gibt es <nicht>."


def test_a_handler_that_fails_or_lets_pass(make_app):
    app = make_app()
    fs.init_app(app)
    app.register_error_handler(404, lambda error: 1 / 0)
    assert ask(app, fs.FileNotFound()).status_code == 500
    app = make_app()
    fs.init_app(app)
    app.register_error_handler(404, lambda error: error)
    assert ask(app, fs.FileNotFound(), headers=JSON).json["error"] == "FileNotFound"


@pytest.mark.parametrize(
    ("settings", "error", "trapped"),
    [
        ({"TRAP_HTTP_EXCEPTIONS": True}, fs.FileNotFound, True),
        ({"TRAP_BAD_REQUEST_ERRORS": True}, fs.InvalidPath, True),
        ({"TRAP_BAD_REQUEST_ERRORS": True}, fs.FileNotFound, False),
    ],
)
def test_who_traps_exceptions_of_http_sees_the_error(make_app, settings, error, trapped):
    app = make_app(TESTING=True, **settings)
    fs.init_app(app)
    if trapped:
        with pytest.raises(error):
            ask(app, error())
    else:
        assert ask(app, error()).status_code == error.code
    handled = make_app(TESTING=True, **settings)
    fs.init_app(handled)
    handle(handled, error.code, "a status", [])
    assert ask(handled, error()).status_code == 299


# The first app of the README


@pytest.fixture
def readme(tmp_path, monkeypatch):
    source = re.search(r"```python\n(from flask import.*?)```", README.read_text(encoding="utf-8"), re.DOTALL).group(1)
    monkeypatch.setattr(flask.Flask, "auto_find_instance_path", lambda app: str(tmp_path))
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(source, "README.md", "exec"), names)
    return names["app"].test_client()


FIRST_HOUR = [
    ("a.exe", b"MZ", 415, "Only jpg, jpe, jpeg, png, gif, svg, bmp, webp and avif files are accepted."),
    ("notes", b"text", 415, "Only jpg, jpe, jpeg, png, gif, svg, bmp, webp and avif files are accepted."),
    ("", b"", 400, "Choose a file first."),
    ("???", b"GIF89a", 400, "The name of the file has no letter and no digit. Rename the file."),
    ("taken.gif", GIF, 409, "There is already a file with this name. Choose another name."),
    ("a.png", GIF, 415, "The file is not what its name says: its content is not that of a png file."),
    ("cut.gif", GIF[:20], 415, "The image is damaged, or incomplete."),
    ("empty.gif", b"", 415, "The file is empty."),
    ("a.svg", b"<svg", 415, "The SVG file is damaged, or is no SVG."),
]


@pytest.mark.parametrize(("name", "content", "status", "sentence"), FIRST_HOUR)
def test_the_first_app_tells_people_what_is_wrong(readme, name, content, status, sentence):
    form = {"image": (io.BytesIO(GIF), "taken.gif")}
    assert readme.post("/upload", data=form).location == "/images/taken.gif"
    page = readme.post("/upload", data={"image": (io.BytesIO(content), name)})
    assert (page.status_code, page.mimetype) == (status, "text/html")
    assert f"<p>{sentence}</p>" in page.text
    answer = readme.post("/upload", data={"image": (io.BytesIO(content), name)}, headers=JSON)
    assert (answer.status_code, answer.json["description"]) == (status, sentence)


def test_the_first_app_answers_for_what_is_missing(readme):
    assert readme.post("/upload", data={}).status_code == 400
    page = readme.get("/images/none.png")
    assert page.status_code == 404
    assert "<p>There is no such file.</p>" in page.text
    answer = readme.get("/images/none.png", headers=JSON)
    assert (answer.status_code, answer.json["description"]) == (404, "There is no such file.")


# The sentences


@pytest.mark.parametrize(
    ("extensions", "settings", "name", "sentence"),
    [
        (["pdf"], {}, "a.txt", "Only pdf files are accepted."),
        (["jepg", "png"], {}, "a.jpeg", "Only jepg and png files are accepted."),
        ("png .gif", {}, "a.txt", "Only png and gif files are accepted."),
        ({"png", "gif"}, {}, "a.txt", "Only gif and png files are accepted."),
        (["JPG", "png", "jpg"], {}, "a.txt", "Only JPG, png and jpg files are accepted."),
        (["pdf"], {"ALLOW": "txt"}, "a.exe", "Only pdf and txt files are accepted."),
        (["pdf", "txt"], {"DENY": "txt"}, "a.txt", "Only pdf files are accepted."),
        (fs.NONE, {"ALLOW": "txt"}, "a.exe", "Only txt files are accepted."),
        (["jpg"], {"DENY": "php"}, "shell.php.jpg", "The name of the file must not contain .php. Rename the file."),
        (fs.ALL, {"DENY": "php"}, "a.php", "php files are not accepted."),
        (fs.AllExcept(fs.SCRIPTS), {}, "a.PHP", "php files are not accepted."),
        (fs.AllExcept(fs.SCRIPTS), {}, "a.js", "js files are not accepted."),
        (["pdf"], {"DENY": "pdf"}, "a.pdf", fs.UnauthorizedFileType.user_message),
        ([f"e{number}" for number in range(61)], {}, "a.txt", "e59 and some other files are accepted."),
    ],
)
def test_the_types_that_are_taken(make_app, extensions, settings, name, sentence):
    storage = fs.Storage("files", extensions)
    fs.init_app(make_app(**{f"FILES_FS_{key}": value for key, value in settings.items()}), storage)
    with pytest.raises(fs.UnauthorizedFileType) as raised:
        storage.save(io.BytesIO(b"text"), name)
    assert raised.value.user_message.endswith(sentence)
    assert str(raised.value).startswith("storage 'files' does not take")


def test_a_filter_of_the_app_has_its_own_reasons(make_app):
    class Picky(fs.Storage):
        def file_allowed(self, file, basename):
            return False

    for extensions in (["txt"], fs.ALL):
        storage = Picky("files", extensions)
        fs.init_app(make_app(), storage)
        with pytest.raises(fs.UnauthorizedFileType) as raised:
            storage.save(io.BytesIO(b"text"), "a.txt")
        assert raised.value.user_message == "This file is not accepted."


@pytest.mark.parametrize(
    ("limit", "shown"),
    [
        ("20 MB", "20 MB"),
        ("20 MiB", "20.9 MB"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1500, "1.5 kB"),
        (999_999, "999.9 kB"),
        ("5 GB", "5 GB"),
    ],
)
def test_the_most_that_is_taken(make_app, limit, shown):
    class Huge(io.BytesIO):
        def tell(self):
            return 6 * 10**9 if self.at_end else 0

        def seek(self, position, whence=0):
            self.at_end = whence == io.SEEK_END

    upload = Huge()
    upload.at_end = False
    storage = fs.Storage("files")
    fs.init_app(make_app(FILES_FS_MAX_SIZE=limit), storage)
    with pytest.raises(fs.FileTooLarge) as raised:
        storage.save(upload, "a.txt")
    assert raised.value.user_message == f"The file is too large: it may have {shown} at most."


# The routes of the package


@pytest.fixture
def served(make_app):
    app = make_app(FS_SERVE=True, SECRET_KEY="secret")
    storage = fs.Storage("files", ["txt", "png"])
    fs.init_app(app, storage)
    return app, storage


def upload(client, url, content=b"text", name="a.txt", **options):
    return client.post(url, data={"file": (io.BytesIO(content), name)}, **options)


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("headers", [{}, JSON])
def test_the_routes_answer_in_the_same_way(served, enabled, headers):
    app, storage = served
    app.config["FS_HANDLE_ERRORS"] = enabled
    app.config.update(TESTING=True, FILES_FS_MAX_SIZE="2 kB", FILES_FS_VERIFY=True)
    fs.init_app(app, storage)
    client = app.test_client()
    storage.write("taken.txt", "old")

    def url(name, **terms):
        return storage.upload_url(name, expires=60, unique=False, **terms).url

    expected = [
        (client.get("/files/none.txt", headers=headers), fs.FileNotFound()),
        (client.get("/files/a%00.txt", headers=headers), fs.FileNotFound()),
        (upload(client, url("taken.txt"), headers=headers), fs.FileExists()),
        (upload(client, url("taken.txt/a.txt"), headers=headers), fs.FileExists()),
        (
            upload(client, url("b.txt"), bytes(2001), headers=headers),
            fs.FileTooLarge(user_message="The file is too large: it may have 2 kB at most."),
        ),
        (
            upload(client, url("b.txt"), bytes(100_000), headers=headers),
            fs.FileTooLarge(user_message="The file is too large: it may have 2 kB at most."),
        ),
        (
            upload(client, url("b.txt", max_size=3), headers=headers),
            fs.FileTooLarge(user_message="The file is too large: it may have 3 bytes at most."),
        ),
        (
            upload(client, url("b.png"), headers=headers),
            fs.UnauthorizedFileType(
                user_message="The file is not what its name says: its content is not that of a png file."
            ),
        ),
        (
            upload(client, url("b.txt", content_type="text/csv"), headers=headers),
            fs.UnauthorizedFileType(user_message="Only files of the media type text/csv are accepted."),
        ),
        (
            client.post(url("b.txt"), data={"file": "text"}, headers=headers),
            fs.InvalidPath(user_message="Choose a file first."),
        ),
        (upload(client, url("b.txt"), b"", "", headers=headers), fs.InvalidPath(user_message="Choose a file first.")),
        (
            upload(client, url("b.txt").replace("b.txt", "c.txt"), headers=headers),
            fs.NotAuthorized(user_message="This link is not valid, or not any more. Ask for a new one."),
        ),
    ]
    for answer, error in expected:
        assert answer.status_code == error.code, (answer.text, error)
        assert answer.headers["Vary"] == "Accept"
        if headers:
            assert (answer.json["error"], answer.json["description"]) == (type(error).__name__, error.user_message)
        else:
            assert f"<p>{error.user_message}</p>" in answer.text
    assert sorted(storage.list_files()) == ["taken.txt"]


@pytest.mark.parametrize("enabled", [True, False])
def test_what_authorize_refuses_is_403_everywhere(served, enabled):
    app, storage = served
    app.config.update(FS_HANDLE_ERRORS=enabled, FILES_FS_AUTHORIZE=lambda access: False)
    fs.init_app(app, storage)
    storage.write("a.txt", "text")
    app.add_url_rule("/own", "own", lambda: storage.serve("a.txt"))
    app.add_url_rule("/link", "link", lambda: storage.url("a.txt", expires=60))
    answers = {path: app.test_client().get(path) for path in ("/files/a.txt", "/own", "/link")}
    assert {path: answer.status_code for path, answer in answers.items()} == {
        "/files/a.txt": 403,
        "/own": 403,
        "/link": 403 if enabled else 500,
    }
    assert fs.NotAuthorized.user_message in answers["/own"].text


class RefusingFS(MemoryFS):
    """A filesystem whose files are those of another user."""

    def openbin(self, path, mode="r", buffering=-1, **options):
        raise fs_errors.PermissionDenied(path)


class Refusing(fs.BaseBackend):
    options = ()

    def open_fs(self):
        whole = RefusingFS()
        MemoryFS.openbin(whole, "a.txt", "w").close()
        return whole


def test_what_the_store_refuses_is_500_everywhere(served, caplog):
    app, storage = served
    with app.app_context():
        storage.backend = Refusing("files", {})
    app.add_url_rule("/own", view_func=lambda: storage.read("a.txt"))
    client = app.test_client()
    assert client.get("/own").status_code == 500
    assert client.get("/files/a.txt").status_code == 500
    assert upload(client, storage.upload_url("b.txt", expires=60).url).status_code == 500
    assert [record.exc_info[0] for record in caplog.records] == [fs.PermissionDenied] * 3


def test_a_private_file_without_a_signature(served):
    app, storage = served
    app.config["FILES_FS_PRIVATE"] = True
    fs.init_app(app, storage)
    storage.write("a.txt", "text")
    url = storage.url("a.txt", expires=60)
    for refused in ("/files/a.txt", url[:-1] + ("A" if url[-1] != "A" else "B")):
        answer = app.test_client().get(refused, headers=JSON)
        assert (answer.status_code, answer.json["error"]) == (403, "NotAuthorized")
        assert answer.json["description"] == "This link is not valid, or not any more. Ask for a new one."
    assert app.test_client().get(url).status_code == 200


def test_handlers_of_the_app_for_the_status_get_those_of_the_routes(served):
    app, storage = served
    handle(app, Exception, "everything", calls := [])
    handle(app, 404, "a status", [])
    assert app.test_client().get("/files/none.txt").text == "handled by a status"
    url = storage.upload_url("a.txt", expires=60, max_size=1).url
    assert upload(app.test_client(), url).text == "handled by everything"
    # it returns those of HTTP, as Flask's documentation says
    assert isinstance(calls[0], HTTPException)


def test_a_receiver_that_fails_does_not_refuse_the_upload(served):
    app, storage = served
    app.config["FS_HANDLE_ERRORS"] = False

    def receive(storage, filename):
        raise fs.UnauthorizedFileType("no image")

    with fs.signals.file_uploaded.connected_to(receive, storage):
        answer = upload(app.test_client(), storage.upload_url("a.txt", expires=60).url)
    assert answer.status_code == 500


# FS_SERVE


def test_what_is_not_served_is_told_once_for_each_app_and_storage(make_app, caplog):
    storages = [fs.Storage("user-files"), fs.Storage("images")]
    apps = [make_app(SECRET_KEY="secret"), make_app(SECRET_KEY="secret")]
    for app in apps:
        fs.init_app(app, *storages)
        for _ in range(2):
            assert app.test_client().get("/user-files/a.txt").status_code == 404
            assert upload(app.test_client(), "/images/a.png").status_code == 404
            assert app.test_client().get("/none/a.txt").status_code == 404
    assert [(record.name, record.levelname) for record in caplog.records] == [("flask_pyfs.routes", "WARNING")] * 4
    assert [record.getMessage() for record in caplog.records][:2] == [
        "storage 'user-files' is not served, so its URLs are answered 404: set FS_SERVE or USER_FILES_FS_SERVE to True",
        "storage 'images' is not served, so its URLs are answered 404: set FS_SERVE or IMAGES_FS_SERVE to True",
    ]


def test_what_is_served_tells_nothing(served, caplog):
    app, _ = served
    assert app.test_client().get("/files/none.txt").status_code == 404
    assert caplog.records == []


def test_in_debug_mode_the_page_says_why_nothing_is_served(make_app):
    app = make_app(DEBUG=True, FS_SERVE=False)
    fs.init_app(app, fs.Storage("files"))
    assert "set FS_SERVE or FILES_FS_SERVE to True" in app.test_client().get("/files/a.txt").text
