"""upload.js in a real browser: a form whose files survive interruptions, and are sent as ever without the script."""

import dataclasses
import hashlib
import json
import os
import random

import flask
import pytest
from axe import violations
from flask import current_app
from servers.faults import FaultProxy
from servers.nginx import nginx
from servers.waitressapp import serving

import flask_pyfs as fs
from flask_pyfs.resumable.script import script_url
from flask_pyfs.uploads import client_name

PIECE = 64 * 1024
# of the pieces that the site was sent
OFFSETS: list[int] = []
FORM = """<!doctype html><html lang=en><title>Send</title><link rel=icon href="data:,">
<script type=module src="{{ script_url() }}"></script>
<main><h1>Send</h1><form method=post enctype="multipart/form-data" action=/done
 data-fs-sign=/sign data-fs-place="{{ request.args.place }}"
 data-fs-piece={{ piece }}>
<label>Films <input type=file name=films multiple required></label>
<label>Title <input name=title value="A title"></label>
<input type=hidden name=token value=secret>
<button name=kind value=public>Send</button></form></main>"""

# one file at most, and not inside of the form; of the others, a form has nothing to send
SINGLE = FORM.replace("name=films multiple required", "name=film").replace(
    "</form>",
    """<input type=file name=off disabled aria-label=Off><input type=file aria-label=Nameless></form>
<label>Poster <input type=file name=poster form=send required></label>""",
)
SINGLE = SINGLE.replace("<form ", "<form id=send ")

POLICY = "default-src 'none'; connect-src 'self'; script-src 'self'; img-src data:"
ROWS = "[...document.querySelectorAll('.uploads li')].map(row => row.innerText.replace(/\\s+/g, ' ').trim())"
SAID = "document.querySelector('[role=status]').innerText"
SENT = "document.querySelector('.uploads progress')?.value"
SUBMIT = "document.querySelector('form').requestSubmit(document.querySelector('form > button'))"
DONE = "location.pathname == '/done' && document.readyState == 'complete'"
RESULT = "JSON.parse(document.body.innerText)"
HASTEN = "window.setTimeout = (work => (call, ms, ...rest) => work(call, ms / 500, ...rest))(window.setTimeout)"


@pytest.fixture
def files(tmp_path):
    """Write files of random content that a user chooses."""

    def files(**sizes):
        paths = []
        for number, (stem, size) in enumerate(sizes.items()):
            paths.append(tmp_path / f"{stem}.mp4")
            paths[-1].write_bytes(random.Random(number).randbytes(size))
        return paths

    return files


@pytest.fixture(scope="module")
def films():
    return fs.Storage("films", ["mp4"])


@pytest.fixture(scope="module")
def site(films, tmp_path_factory):
    app = flask.Flask("site", instance_path=str(tmp_path_factory.mktemp("instance")))
    app.config.update(SECRET_KEY="secret", FILMS_FS_MAX_SIZE="2 MB")
    fs.init_app(app, films)

    @app.get("/")
    def form():
        piece = flask.request.args.get("piece", PIECE)
        return flask.render_template_string(FORM, script_url=script_url, piece=piece)

    @app.get("/single")
    def single():
        return flask.render_template_string(SINGLE, script_url=script_url, piece=PIECE)

    @app.get("/login")
    def login():
        return "<p>Log in"

    @app.post("/sign")
    def sign():
        asked = flask.request.form
        assert asked["token"] == "secret"
        # the view is none of tus, and pages of other origins would need leave for each field
        assert "Tus-Resumable" not in flask.request.headers
        name = client_name(asked["name"])
        target = films.resumable_url(name, expires=600, original_name=asked["name"], unique="taken" not in name)
        return {**dataclasses.asdict(target), "value": f"{target.name} of {asked['size']}"}

    @app.post("/done")
    def done():
        form, sent = flask.request.form, flask.request.files.getlist("films")
        sizes = [len(file.read()) for file in sent if file.filename]
        return {**form, "films": form.getlist("films"), "sizes": sizes}

    @app.before_request
    def note():
        if flask.request.method == "PATCH":
            OFFSETS.append(int(flask.request.headers["Upload-Offset"]))

    @app.after_request
    def be_strict(response):
        response.headers["Content-Security-Policy"] = POLICY
        return response

    with serving(app) as served, app.app_context():
        yield served


@pytest.fixture
def opened(site, films, page):
    """The page with the form, and an empty storage."""
    page.open(site.url)
    site.exchanges.clear()
    OFFSETS.clear()
    yield page
    for name in list(films.list_files()):
        films.delete(name)


def sums(films):
    return sorted(hashlib.sha256(films.read(name)).hexdigest() for name in films.list_files())


def sums_of(paths):
    return sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths)


def send(page, paths):
    page.choose_files("[type=file]", *paths)
    page.evaluate(SUBMIT)


def leave(page):
    """Load the page again, although it warns of that."""
    page.evaluate("window.isOld = true, setTimeout(() => location.reload()), 0")
    page.event("Page.javascriptDialogOpening")
    page.command("Page.handleJavaScriptDialog", accept=True)
    page.wait_for("!window.isOld && document.readyState == 'complete'")


def test_a_form_sends_its_files_before_it_is_submitted(site, films, opened, files):
    chosen = files(a=200_000, b=10, empty=0)
    opened.choose_files("[type=file]", *chosen)
    opened.click("form > button")
    opened.wait_for(DONE)
    result = opened.evaluate(RESULT)
    assert (result["title"], result["kind"], result["sizes"]) == ("A title", "public", [])
    assert sorted(result["films"]) == sorted(f"{name} of {films.size(name)}" for name in films.list_files())
    assert sums(films) == sums_of(chosen)
    assert sorted(OFFSETS) == [0, 0, PIECE, 2 * PIECE, 3 * PIECE]
    # under a policy that permits the app's own scripts alone
    assert opened.problems() == []


def test_an_upload_goes_on_after_the_page_was_loaded_again(site, films, opened, files):
    film, _ = chosen = files(film=500_000, other=300_000)
    opened.connect(bytes_per_second=200_000)
    send(opened, [film])
    # the second piece
    opened.wait_for(f"{SENT} > 0.14")
    leave(opened)
    opened.connect()
    assert opened.evaluate(SAID) == "Not uploaded to the end: film.mp4. Choose the same files to go on."
    assert violations(opened) == []
    before = len(OFFSETS)
    send(opened, chosen)
    opened.wait_for(DONE)
    assert sums(films) == sums_of(chosen)
    assert len(opened.evaluate(RESULT)["films"]) == 2
    again = sorted(OFFSETS[before:])
    assert again.count(0) == 1
    assert again[1] > 0
    assert len(site.requests("/sign")) == 2
    opened.open(site.url)
    # nothing is left of it
    assert opened.evaluate(f"{SAID} + Object.keys(localStorage)") == ""


def test_a_broken_connection_costs_no_more_than_a_piece(site, films, opened, files):
    chosen = files(film=1_000_000)
    with FaultProxy("127.0.0.1", site.port) as proxy:
        opened.open(proxy.url)
        opened.evaluate(HASTEN)
        proxy.reset()
        proxy.cut_sent(300_000, times=3)
        send(opened, chosen)
        opened.wait_for(DONE)
        # Chromium itself sends one that broke off again
        assert proxy.sent < 1_000_000 + 3 * (2 * PIECE + 20_000)
        assert len(site.requests("/sign")) == 1
    assert sums(films) == sums_of(chosen)


@pytest.fixture
def answer(site, monkeypatch):
    """Let the site answer the next requests of a method in another way, after it has done what they ask for or not."""

    def answer(method, *answers, is_done=True, is_sign=False, body=b"<"):
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        left, work = list(answers), app.wsgi_app

        def other(environ, start_response):
            if environ["REQUEST_METHOD"] != method or not left or (environ["PATH_INFO"] == "/sign") != is_sign:
                return work(environ, start_response)
            status, *headers = left.pop(0)
            if is_done:
                work(environ, lambda *answer: None).close()
            else:
                environ["wsgi.input"].read()
            start_response(status, headers)
            return [body]

        monkeypatch.setattr(app, "wsgi_app", other)

    return answer


LOST = ("200 OK", ("Content-Length", "99"))


def test_an_answer_that_is_lost_sends_nothing_twice(site, films, opened, files, answer):
    chosen = files(film=PIECE + 1)
    opened.evaluate(HASTEN)
    answer("PATCH", LOST, LOST)
    send(opened, chosen)
    opened.wait_for(DONE)
    assert sums(films) == sums_of(chosen)
    assert OFFSETS == [0, PIECE]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_server_that_is_busy_is_asked_again(site, films, opened, files, answer, method):
    chosen = files(film=100)
    opened.evaluate(HASTEN)
    busy = [("423 Locked", ("Retry-After", "2")), ("503 Service Unavailable",), ("429 Too Many Requests",)]
    answer(method, *busy, LOST, is_done=False)
    send(opened, chosen)
    opened.wait_for(DONE)
    assert sums(films) == sums_of(chosen)


def test_a_file_is_awaited_that_the_server_joins_and_checks_for_long(site, films, opened, files, answer):
    chosen = files(film=100)
    opened.evaluate(HASTEN)
    # as the last request breaks off, the next ones meet it
    answer("PATCH", LOST, *[("423 Locked", ("Retry-After", "1"))] * 8, is_done=False)
    send(opened, chosen)
    opened.wait_for(DONE)
    assert sums(films) == sums_of(chosen)


def test_the_reason_of_a_refusal_is_shown(site, films, opened, files, answer):
    chosen = files(film=100)
    for number, member in enumerate(["title", "detail", "description"], 1):
        problem = {"type": "about:blank", "title": "Not now.", member: f"Reason {number}."}
        answer("PATCH", ("400 Bad Request",), is_done=False, body=json.dumps(problem).encode())
        send(opened, chosen)
        opened.wait_for(f"{SAID} == '0 of {number} files are uploaded.'")
    assert opened.evaluate(ROWS) == [f"film.mp4 Reason {number}." for number in (1, 2, 3)]


LISTENERS = """window.listeners = 0;
for (const [name, step] of [["addEventListener", 1], ["removeEventListener", -1]]) {
  const known = AbortSignal.prototype[name];
  AbortSignal.prototype[name] = function (...rest) { window.listeners += step; return known.apply(this, rest); };
}"""


def test_a_file_needs_no_memory_for_its_pieces(site, films, opened, files):
    opened.evaluate(LISTENERS)
    opened.evaluate(
        "document.querySelector('form').addEventListener('submit', (event) => {"
        " if (!event.defaultPrevented) { event.preventDefault(); window.isDone = true; } })"
    )
    send(opened, files(film=3 * PIECE))
    opened.wait_for("window.isDone")
    assert len(OFFSETS) == 3
    assert opened.evaluate("window.listeners") == 0


@pytest.mark.parametrize("after", ["3600", "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_who_would_have_to_wait_for_long_is_told(site, films, opened, files, answer, after):
    answer("POST", ("503 Service Unavailable", ("Retry-After", after)), is_done=False)
    send(opened, files(film=100))
    opened.wait_for(f"{SAID} == '0 of 1 files are uploaded.'")
    assert opened.evaluate(ROWS) == ["film.mp4 The server cannot take the file now. Try again later. Cancel"]


def test_who_presses_the_button_again_sends_nothing_twice(site, films, opened, files):
    chosen = files(film=300_000)
    opened.connect(bytes_per_second=300_000)
    send(opened, chosen)
    for _ in range(3):
        opened.evaluate(SUBMIT)
    opened.connect()
    opened.wait_for(DONE)
    assert sums(films) == sums_of(chosen)
    assert [len(site.requests(path)) for path in ("/sign", "/done")] == [1, 1]


def test_what_fails_for_good_is_tried_again_by_hand(site, films, opened, files, answer):
    chosen = files(film=100, other=200)
    opened.evaluate(HASTEN)
    answer("POST", *[LOST] * 12, is_done=False)
    send(opened, chosen)
    opened.wait_for(f"{SAID} == '0 of 2 files are uploaded.'")
    assert opened.evaluate(ROWS) == [
        f"{name}.mp4 The connection was lost. Try again. Cancel" for name in ("film", "other")
    ]
    assert violations(opened) == []
    opened.evaluate(SUBMIT)
    opened.wait_for(DONE)
    assert sums(films) == sums_of(chosen)


def test_an_upload_that_has_expired_begins_anew(site, films, opened, files, answer):
    chosen = files(film=3 * PIECE)
    opened.connect(bytes_per_second=100_000)
    send(opened, chosen)
    opened.wait_for(f"{SENT} > 0")
    leave(opened)
    opened.connect()
    upload = opened.evaluate("JSON.parse(Object.values(localStorage)[0]).location")
    opened.evaluate(f"fetch('{upload}', {{method: 'DELETE', headers: {{'Tus-Resumable': '1.0.0'}}}})")
    OFFSETS.clear()
    send(opened, chosen)
    opened.wait_for(DONE)
    assert sums(films) == sums_of(chosen)
    assert OFFSETS == [0, PIECE, 2 * PIECE]


def test_refused_files_have_reasons_and_the_others_are_submitted(site, films, opened, files, tmp_path):
    large, good = files(large=2_000_001, good=100)
    films.write("taken.mp4", b"")
    (tmp_path / "note.txt").write_bytes(b"text")
    taken = tmp_path / "taken.mp4"
    taken.write_bytes(b"content")
    send(opened, [large, tmp_path / "note.txt", taken, good])
    opened.wait_for(f"{SAID} == '1 of 4 files are uploaded.'")
    assert opened.evaluate(ROWS) == [
        "large.mp4 The file is too large: it may have 2 MB at most.",
        "note.txt Only mp4 files are accepted.",
        f"taken.mp4 {fs.FileExists.user_message}",
        "good.mp4 Uploaded",
    ]
    # of the first three, nothing but the third was sent
    assert len(OFFSETS) == 2
    assert violations(opened) == []
    opened.evaluate(SUBMIT)
    opened.wait_for(DONE)
    (name,) = opened.evaluate(RESULT)["films"]
    assert name.startswith("good-")


def test_a_refusal_whose_answer_is_lost_is_told_and_nothing_is_sent_again(site, films, opened, answer, tmp_path):
    films.write("taken.mp4", b"")
    (tmp_path / "taken.mp4").write_bytes(b"content")
    opened.evaluate(HASTEN)
    answer("PATCH", LOST)
    send(opened, [tmp_path / "taken.mp4"])
    opened.wait_for(f"{SAID} == '0 of 1 files are uploaded.'")
    assert opened.evaluate(ROWS) == [f"taken.mp4 {fs.FileExists.user_message}"]
    assert OFFSETS == [0]


def test_users_of_one_browser_do_not_go_on_with_the_uploads_of_others(site, films, opened, files):
    chosen = files(film=3 * PIECE)
    opened.open(f"{site.url}/?place=ann")
    opened.connect(bytes_per_second=100_000)
    send(opened, chosen)
    opened.wait_for(f"{SENT} > 0")
    leave(opened)
    opened.connect()
    assert opened.evaluate(SAID).startswith("Not uploaded to the end: film.mp4.")
    opened.open(f"{site.url}/?place=ben")
    assert opened.evaluate(SAID) == ""
    OFFSETS.clear()
    send(opened, chosen)
    opened.wait_for(DONE)
    assert OFFSETS == [0, PIECE, 2 * PIECE]


def test_who_cancels_a_file_keeps_the_others(site, films, opened, files):
    chosen = files(long=500_000, short=1000)
    opened.connect(bytes_per_second=300_000)
    send(opened, chosen)
    opened.wait_for(f"{SENT} > 0.2 && {ROWS}.includes('short.mp4 Uploaded')")
    opened.evaluate("document.querySelector('.uploads button').focus()")
    opened.press("Enter")
    opened.wait_for(DONE)
    assert sums(films) == sums_of(chosen[1:])
    assert site.statuses("DELETE", 1) == [204]


def test_offline(site, films, opened, files):
    chosen = files(film=300_000)
    opened.connect(offline=True)
    send(opened, chosen)
    opened.wait_for(f"{SAID}.startsWith('You are offline.')")
    assert violations(opened) == []
    opened.connect()
    opened.wait_for(DONE)
    assert sums(films) == sums_of(chosen)


def test_files_that_look_the_same_are_sent_each(site, films, opened, files, tmp_path):
    (film,) = files(film=PIECE)
    (tmp_path / "other").mkdir()
    copy = tmp_path / "other" / film.name
    copy.write_bytes(film.read_bytes()[::-1])
    times = film.stat().st_mtime_ns
    os.utime(copy, ns=(times, times))
    send(opened, [film, copy])
    opened.wait_for(DONE)
    assert sums(films) == sums_of([film, copy])


def test_a_file_that_cannot_be_read(site, films, opened, files):
    chosen = files(gone=100, film=100)
    opened.choose_files("[type=file]", *chosen)
    chosen[0].unlink()
    opened.evaluate(SUBMIT)
    opened.wait_for(f"{SAID} == '1 of 2 files are uploaded.'")
    assert opened.evaluate(ROWS)[0] == "gone.mp4 The file cannot be read. Choose it again. Cancel"
    opened.click(".uploads button")
    opened.evaluate(SUBMIT)
    opened.wait_for(DONE)
    assert sums(films) == sums_of(chosen[1:])


def test_without_javascript_the_form_has_the_files(site, opened, files):
    opened.command("Emulation.setScriptExecutionDisabled", value=True)
    opened.open(site.url)
    opened.choose_files("[type=file]", *files(a=1000, b=2000))
    opened.click("form > button")
    opened.wait_for(DONE)
    result = opened.evaluate(RESULT)
    assert (result["sizes"], result["films"], result["kind"]) == ([1000, 2000], [], "public")


DENIED = "You may have to log in again. Do so in another tab, then try again here."


@pytest.mark.parametrize(
    ("method", "statuses"),
    [
        ("sign", ["302 Found", "401 Unauthorized", "403 Forbidden"]),
        ("POST", ["302 Found"]),
        ("PATCH", ["302 Found", "303 See Other", "403 Forbidden"]),
        ("HEAD", ["302 Found"]),
    ],
)
def test_a_user_who_has_to_log_in_again_may_go_on_then(site, films, opened, files, answer, method, statuses):
    chosen = files(film=PIECE + 1)
    opened.evaluate(HASTEN)
    asked = ("POST", True) if method == "sign" else (method, False)
    if method == "HEAD":
        # the script asks how far the upload is
        answer("PATCH", LOST)
    for status in statuses:
        answer(asked[0], (status, ("Location", "/login")), is_done=False, is_sign=asked[1])
        opened.evaluate("document.querySelector('[role=status]').textContent = ''")
        send(opened, chosen if status == statuses[0] else [])
        opened.wait_for(f"{SAID} == '0 of 1 files are uploaded.'")
        assert opened.evaluate(ROWS) == [f"film.mp4 {DENIED} Cancel"]
    opened.evaluate(SUBMIT)
    opened.wait_for(DONE)
    assert sums(films) == sums_of(chosen)


def test_a_server_that_takes_nothing_is_not_asked_for_ever(site, films, opened, files, answer):
    opened.evaluate(HASTEN)
    answer("PATCH", *[("204 No Content", ("Upload-Offset", "0"))] * 9, is_done=False)
    send(opened, files(film=10))
    opened.wait_for(f"{SAID} == '0 of 1 files are uploaded.'")
    assert opened.evaluate(ROWS) == ["film.mp4 The server cannot take the file now. Try again later. Cancel"]


@pytest.mark.parametrize("options", ["", "proxy_request_buffering off;"])
def test_pieces_that_nginx_does_not_take_become_smaller(site, films, opened, files, tmp_path, options):
    chosen = files(film=1_800_000)
    # without a setting, it takes 1 MiB
    with nginx(tmp_path, site.port, options=options) as front:
        opened.open(f"{front.url}/?piece={8 * 1024 * 1024}")
        send(opened, chosen)
        opened.wait_for(DONE)
    assert sums(films) == sums_of(chosen)
    assert OFFSETS == [0, 900_000]


def test_an_input_for_one_file_has_the_last_one(site, films, opened, files, answer):
    first, second, poster = files(first=PIECE, second=100, poster=10)
    opened.open(f"{site.url}/single")
    opened.choose_files("[name=film]", first)
    for selector in ("[name=off]", "[aria-label=Nameless]"):
        opened.choose_files(selector, first)
    opened.choose_files("[name=poster]", poster)
    answer("PATCH", *[("413 Request Entity Too Large", ("Content-Type", "text/plain"))] * 2, is_done=False)
    opened.evaluate(SUBMIT)
    opened.wait_for(f"{SAID} == '0 of 2 files are uploaded.'")
    # a file that was refused is none
    assert opened.evaluate("document.querySelector('[name=poster]').required")
    opened.evaluate(SUBMIT)
    assert not opened.evaluate(DONE)
    opened.choose_files("[name=film]", second)
    opened.choose_files("[name=poster]", poster)
    opened.evaluate(SUBMIT)
    opened.wait_for(DONE)
    assert sums(films) == sums_of([second, poster])
    result = opened.evaluate(RESULT)
    assert result["film"].startswith("second-")
    assert result["poster"].startswith("poster-")


def test_a_form_that_the_page_keeps_back_sends_nothing(site, films, opened, files):
    opened.open(f"{site.url}/single")
    opened.evaluate(
        "window.addEventListener('submit', (event) => { event.preventDefault(); window.isKept = true; }, true)"
    )
    opened.choose_files("[name=poster]", *files(film=10))
    opened.evaluate(SUBMIT)
    opened.wait_for("window.isKept")
    assert opened.evaluate("document.querySelector('[name=poster]').files.length") == 1
    assert opened.evaluate(ROWS) == []


def test_all_files_are_cancelled(site, films, opened, files):
    opened.connect(bytes_per_second=50_000)
    send(opened, files(film=500_000))
    opened.wait_for(f"{SENT} > 0")
    opened.click(".uploads button")
    opened.wait_for(f"{SAID} == ''")
    opened.connect()
    # the form wants a file, as before
    opened.evaluate(SUBMIT)
    assert not opened.evaluate("document.querySelector('form').checkValidity()")
    assert list(films.list_files()) == []


def go_back(page):
    page.evaluate("history.back(), 0")
    page.wait_for("location.pathname == '/' && document.readyState == 'complete'")


def test_who_comes_back_sends_the_same_or_other_files(site, films, opened, files):
    first, second = files(first=10, second=20)
    send(opened, [first])
    opened.wait_for(DONE)
    sent = opened.evaluate(RESULT)["films"]
    go_back(opened)
    assert opened.evaluate(ROWS) == ["first.mp4 Uploaded"]
    # the app may have answered an error
    opened.evaluate(SUBMIT)
    opened.wait_for(DONE)
    assert opened.evaluate(RESULT)["films"] == sent
    go_back(opened)
    send(opened, [second])
    opened.wait_for(DONE)
    (name,) = opened.evaluate(RESULT)["films"]
    assert name.startswith("second-")
    assert len(OFFSETS) == 2


def test_what_others_keep_in_the_browser_does_no_harm(site, films, opened, files):
    chosen = files(film=10)
    opened.evaluate("for (const each of ['a', '{', 'null']) localStorage[`flask_pyfs upload  /sign ${each}`] = each")
    opened.open(site.url)
    assert opened.evaluate("Object.keys(localStorage).length") == 0
    assert opened.problems() == []
    # full
    opened.evaluate("localStorage.a = 'x'.repeat(5_200_000), 0")
    send(opened, chosen)
    opened.wait_for(DONE)
    assert sums(films) == sums_of(chosen)
    opened.evaluate("localStorage.clear()")


def test_a_browser_that_keeps_nothing(site, films, opened, files):
    forbidden = (
        "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('', 'SecurityError'); }})"
    )
    opened.command("Page.addScriptToEvaluateOnNewDocument", source=forbidden)
    opened.open(site.url)
    chosen = files(film=PIECE + 1)
    send(opened, chosen)
    opened.wait_for(DONE)
    assert sums(films) == sums_of(chosen)


def test_a_file_that_changes_while_it_is_sent(site, films, opened, files):
    (film,) = chosen = files(film=8 * PIECE)
    opened.connect(bytes_per_second=300_000)
    send(opened, chosen)
    opened.wait_for(f"{SENT} > 0.2")
    film.write_bytes(b"other" * PIECE)
    opened.connect()
    opened.wait_for(f"{SAID} == '0 of 1 files are uploaded.'")
    assert opened.evaluate(ROWS) == ["film.mp4 The file cannot be read. Choose it again. Cancel"]
    opened.click(".uploads button")
    send(opened, chosen)
    opened.wait_for(DONE)
    assert sums(films) == sums_of(chosen)


def test_names_of_all_kinds(site, films, opened, tmp_path):
    names = ["\"q' & <b>.mp4", "\u202egnp.mp4", "\U0001f389.mp4", "é" * 120 + ".mp4", "a\nb.mp4"]
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    send(opened, [tmp_path / name for name in names])
    opened.wait_for(DONE)
    assert sorted(films.read(name) for name in films.list_files()) == sorted(name.encode() for name in names)


TABS = """(async () => {
  const { Uploads, askedFrom } = await import(document.querySelector("script").src);
  const sign = askedFrom("/sign", () => [["token", "secret"]]);
  const [file] = document.querySelector("[type=file]").files;
  window.tabs = [1, 2].map(() => new Uploads({ sign, piece: PIECE, waits: [0.01] }));
  await new Promise((resolve) => {
    tabs[0].addEventListener("change", ({ detail }) => detail.safe && resolve());
    tabs[0].add([file]);
  });
  tabs[1].add([file]);
  await Promise.all(tabs.map((each) => new Promise((resolve) => each.addEventListener("rest", resolve))));
  return tabs.map(({ items }) => items[0].target.name);
})()"""


def test_two_windows_get_a_file_each(site, films, opened, files):
    (film,) = files(film=20 * PIECE)
    opened.choose_files("[type=file]", film)
    names = opened.evaluate(TABS.replace("PIECE", str(PIECE)))
    # each of two forms may delete its own
    assert sorted(names) == sorted(films.list_files())
    assert sums(films) == sums_of([film, film])
    assert (
        opened.evaluate("navigator.locks.query().then(({ held }) => held.length + Object.keys(localStorage).length)")
        == 0
    )
