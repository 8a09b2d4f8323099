"""Files of each backend in a real browser: media that are sought in, and uploads with scripts."""

import io
import time
import wave
from contextlib import ExitStack, closing

import flask
import gridfs
import pymongo
import pytest
from backend_settings import BACKENDS, MAKERS, gridfs_settings
from containers import bare_connection
from servers.chromium import ChromiumError
from servers.waitressapp import serving

SECONDS = 20
SAMPLES_PER_SECOND = 48000
SECONDS_OF_SOUND = 240  # 44 MiB

PLAYER = """<!doctype html><title>player</title><link rel="icon" href="data:,">
<video src="{{ url }}" preload="metadata" muted controls></video>"""

SEEK = """new Promise((resolve, reject) => {
  const video = document.querySelector("video");
  video.addEventListener("seeked", () => resolve(video.currentTime));
  video.addEventListener("error", () => reject(video.error.message));
  video.currentTime = %d;
})"""

# each marks its own document and asks the canary, where scripts run
SCRIPT = "document.documentElement.id = 'ran'; fetch('/canary?from={asker}');"
XHTML = "http://www.w3.org/1999/xhtml"
DOCUMENTS = {
    "page.html": ("text/html", "<!doctype html><p class=shown>text</p><script>{script}</script>"),
    "page.xhtml": (
        "application/xhtml+xml",
        f"<html xmlns='{XHTML}'><head><title>page</title></head>"
        "<body><p class='shown'>text</p><script>{script}</script></body></html>",
    ),
    "image.svg": (
        "image/svg+xml",
        "<svg xmlns='http://www.w3.org/2000/svg' width='30' height='20'>"
        "<text class='shown' y='15'>text</text><script>{script}</script></svg>",
    ),
    "data.xml": (
        "text/xml",
        f"<data xmlns:h='{XHTML}'><h:p class='shown'>text</h:p><h:script>{{script}}</h:script></data>",
    ),
}

# documents in several encodings, and who says which it is; as an <img>, Chromium takes any SVG for UTF-8
SVG = "<svg xmlns='http://www.w3.org/2000/svg' width='30' height='20'><text>Größe</text></svg>"
XML = f"<data xmlns:h='{XHTML}'><h:p>Größe</h:p></data>"
LATIN = "<?xml version='1.0' encoding='iso-8859-1'?>"
ENCODED = {
    "utf-8, found.txt": "Größe".encode(),
    "utf-8 after much ASCII.txt": b"\n" * 4000 + "Größe".encode(),
    "latin-1, guessed by the browser.txt": "Größe".encode("latin-1"),
    "utf-8, found.html": "<!doctype html><p>Größe".encode(),
    "latin-1, declared.html": "<!doctype html><meta charset=iso-8859-1><p>Größe".encode("latin-1"),
    "koi8-r, declared.html": "<!doctype html><meta charset=koi8-r><p>Größe".encode("koi8-r", "xmlcharrefreplace"),
    "latin-1, declared.xml": f"{LATIN}{XML}".encode("latin-1"),
    "utf-8 by default.xml": XML.encode(),
    "utf-16 by its mark.xml": XML.encode("utf-16"),
    "latin-1, declared.svg": f"{LATIN}{SVG}".encode("latin-1"),
    "utf-8 by default.svg": SVG.encode(),
}

FRAMES = """<!doctype html><link rel="icon" href="data:,">
<iframe src="{url}"></iframe><object data="{url}"></object><embed src="{url}">"""

CODE = "fetch('/canary?from={asker}'); self.postMessage?.('loaded');"
CODE_NAMES = ["code.js", "code.mjs", "code.txt", "code.unknown", "code.html", "code.svg", "code.css", "code.json"]

# all that browsers take for JavaScript, and ways to write them
JAVASCRIPT_TYPES = [
    "application/ecmascript",
    "application/javascript",
    "application/x-ecmascript",
    "application/x-javascript",
    "text/ecmascript",
    "text/javascript",
    *(f"text/javascript1.{number}" for number in range(6)),
    "text/jscript",
    "text/livescript",
    "text/x-ecmascript",
    "text/x-javascript",
    "Text/JScript",
    "text/jscript; charset=utf-8",
    " text/jscript ;x",
    "image/png, text/jscript",
]

# types that some browser shows as documents, and ways to write them
RUNNING = dict.fromkeys(
    [
        "text/html",
        "TEXT/HTML",
        " text/html ;x",
        "text/plain, text/html",
        "text/html, text/plain",
        "text/html/",
        "text/xml",
        "text/xsl",
        "text/rdf",
        "text/mathml",
        "application/xml",
        "application/xml; charset=utf-8",
        "application/xhtml+xml",
        "application/vnd.wap.xhtml+xml",
        "application/rss+xml",
        "application/mathml+xml",
        "application/vnd.mozilla.xul+xml",
        "application/vnd.x+XML",
        "image/svg+xml",
        "image/svg",
        "text/plain",
        "unknown/unknown",
        "application/unknown",
        "*/*",
        "none",
        "",
    ],
    "{document}",
)
RUNNING |= {
    f"multipart/{kind}; boundary=b": "--b\r\nContent-Type: text/html\r\n\r\n{document}\r\n--b--\r\n"
    for kind in ("x-mixed-replace", "related", "mixed")
}
RUNNING["message/rfc822"] = "MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n{document}"

# the ways of a page to load a script
ELEMENT = """url => new Promise(resolve => {
  const script = document.createElement("script");
  script.type = "%s";
  script.src = url;
  script.onload = () => resolve("loaded");
  script.onerror = () => resolve("blocked");
  document.head.append(script);
})"""
WORKER = """url => new Promise(resolve => {
  const worker = new %s;
  worker.onmessage = () => resolve("loaded");
  worker.onerror = () => resolve("blocked");
})"""
LOADERS = {
    "script": ELEMENT % "text/javascript",
    "module": ELEMENT % "module",
    "import": "url => import(url).then(() => 'loaded', () => 'blocked')",
    "worker": WORKER % "Worker(url)",
    "module worker": WORKER % "Worker(url, {type: 'module'})",
    "service worker": "url => navigator.serviceWorker.register(url).then(() => 'loaded', () => 'blocked')",
}


@pytest.fixture(params=BACKENDS)
def settings(request):
    """The settings of an empty storage on each backend in turn."""
    with ExitStack() as stack:
        make = MAKERS.get(request.param)
        yield {"BACKEND": request.param, **(make(request, stack) if make else {})}


@pytest.fixture(scope="session")
def sound(tmp_path_factory):
    """A long sound, which is silent."""
    file = tmp_path_factory.mktemp("sound") / "long.wav"
    second = bytes(SAMPLES_PER_SECOND * 2 * 2)
    with wave.open(str(file), "wb") as sound:
        sound.setparams((2, 2, SAMPLES_PER_SECOND, 0, "NONE", ""))
        for _ in range(SECONDS_OF_SOUND):
            sound.writeframesraw(second)
    return file


def seek(app, storage, page, sound):
    """Let the page seek in a video, and return what was asked of the app for it."""
    app.add_url_rule("/player", view_func=lambda: flask.render_template_string(PLAYER, url=storage.url("long.wav")))
    with sound.open("rb") as file:
        storage.write("long.wav", file)
    late = SECONDS_OF_SOUND - 10
    with serving(app) as served:
        page.open(f"{served.url}/player")
        page.wait_for("document.querySelector('video').readyState >= HTMLMediaElement.HAVE_METADATA")
        assert page.evaluate("document.querySelector('video').duration") == SECONDS_OF_SOUND
        assert page.evaluate(SEEK % late) == late
        assert page.problems() == []
        return served.requests("/files/long.wav")


def test_seeking(app, configure_storage, settings, page, sound):
    requests = seek(app, configure_storage("files", settings), page, sound)
    size = sound.stat().st_size
    # it may ask whether what it has is still good
    assert {request.status for request in requests} <= {206, 304}
    parts = [request for request in requests if request.status == 206]
    starts = [int(request.range.removeprefix("bytes=").partition("-")[0]) for request in parts]
    assert max(starts) > size * 0.9
    assert sum(request.sent for request in parts) < size / 2


# a name that is asked for, and what the browser makes of it for a file named 1.txt
SAVED = [
    ("Bericht 2026.txt", "Bericht 2026.txt"),
    ("50%41.txt", "50%41.txt"),
    ("\N{PARTY POPPER} \u0939\u093f.txt", "\N{PARTY POPPER} \u0939\u093f.txt"),
    ("evil.exe", "evil.exe.txt"),
    ("../a\\b.txt", "b.txt"),
    ("invoice\u202etxt.exe", "invoicetxt.exe.txt"),
]


def saved_as(page, url):
    """Return the name under which the browser would save what a link leads to."""
    with pytest.raises(ChromiumError, match="ERR_ABORTED"):
        page.open(url)
    return page.event("Page.downloadWillBegin")["suggestedFilename"]


def test_the_name_of_a_download(app, configure_storage, settings, page):
    storage = configure_storage("files", settings)
    storage.write("1.txt", "text")
    with serving(app) as served:
        for name, saved in SAVED:
            assert saved_as(page, served.url + storage.url("1.txt", download=name)) == saved


@pytest.fixture(params=["s3", "swift"])
def redirecting(request, configure_storage):
    """A storage on each of the stores that sign URLs in turn, to which clients are sent."""
    with ExitStack() as stack:
        settings = MAKERS[request.param](request, stack)
        if request.param == "swift":
            settings["TEMP_URL_KEY"] = "the key"
            connection = stack.enter_context(closing(bare_connection(request.getfixturevalue("swift_place"))))
            connection.post_container(settings["CONTAINER"], {"X-Container-Meta-Temp-URL-Key": "the key"})
        yield configure_storage("files", {"BACKEND": request.param, "SERVE_MODE": "redirect", **settings})


def test_seeking_in_the_store(app, redirecting, page, sound):
    requests = seek(app, redirecting, page, sound)
    assert {request.status for request in requests} == {302}


def test_the_name_of_a_download_from_the_store(app, redirecting, page):
    redirecting.write("1.txt", "text")
    with serving(app) as served:
        for name, saved in SAVED:
            assert saved_as(page, served.url + redirecting.url("1.txt", download=name)) == saved
    assert saved_as(page, redirecting.url("1.txt", expires=60, download="any.name")) == "any.name"


def test_uploaded_documents_in_the_store_are_not_shown(app, redirecting, page, canary):
    with serving(app) as served:
        for name in DOCUMENTS:
            redirecting.write(name, document(name, "upload"))
            # it becomes a download
            with pytest.raises(ChromiumError, match="ERR_ABORTED"):
                page.open(served.url + redirecting.url(name))
            assert [request.status for request in served.requests(f"/files/{name}")] == [302]
        assert page.evaluate("location.href") == "about:blank"
    assert canary == []


@pytest.fixture
def canary(app):
    """Who asked the canary."""
    asked = []

    def answer():
        asked.append(flask.request.args["from"])
        return ""

    app.add_url_rule("/canary", view_func=answer)
    return asked


@pytest.fixture
def upload(configure_storage):
    """Store a file as a user would, and return the path of its URL."""
    storage = configure_storage("files", {"BACKEND": "memory"})

    def upload(name, content):
        return storage.url(storage.save(io.BytesIO(content.encode() if isinstance(content, str) else content), name))

    return upload


@pytest.fixture
def add_page(app):
    """Add a page to the app."""

    def add_page(path, content, mimetype="text/html"):
        app.add_url_rule(path, path, lambda: flask.Response(content, mimetype=mimetype))

    return add_page


@pytest.mark.parametrize("name", DOCUMENTS)
def test_scripts_of_an_uploaded_document_do_not_run(app, page, canary, upload, add_page, name):
    url = upload(name, document(name, "upload"))
    add_page("/own", document(name, "own"), DOCUMENTS[name][0])
    with serving(app) as served:
        page.open(served.url + url)
        assert page.evaluate("document.querySelector('.shown').textContent") == "text"
        assert page.evaluate("document.documentElement.id") == ""
        # the same document as a page of the app
        page.open(f"{served.url}/own")
        assert page.evaluate("document.documentElement.id") == "ran"
        wait_until(lambda: canary)
    assert canary == ["own"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_scripts_of_an_uploaded_document_do_not_run_in_frames(app, page, canary, upload, add_page, name):
    url = upload(name, document(name, "upload"))
    add_page("/own", document(name, "own"), DOCUMENTS[name][0])
    add_page("/uploaded-in-frames", FRAMES.format(url=url))
    add_page("/own-in-frames", FRAMES.format(url="/own"))
    with serving(app) as served:
        page.open(f"{served.url}/uploaded-in-frames")
        assert len(served.requests(url)) == 3
        page.open(f"{served.url}/own-in-frames")
        wait_until(lambda: len(canary) >= 3)
    assert canary == ["own"] * 3


def test_uploaded_image_with_a_script_is_shown(app, page, canary, upload, add_page):
    url = upload("image.svg", document("image.svg", "upload"))
    add_page("/", f"<!doctype html><link rel=icon href=data:,><img src={url}>")
    with serving(app) as served:
        page.open(served.url)
        assert page.evaluate("document.querySelector('img').naturalWidth") == 30
        assert page.problems() == []
    assert canary == []


@pytest.mark.parametrize("name", ENCODED)
def test_uploaded_text_shows_its_letters(app, page, upload, name):
    url = upload(name, ENCODED[name])
    with serving(app) as served:
        page.open(served.url + url)
        assert page.evaluate("document.querySelector('text, p, body, pre').textContent.trim()") == "Größe"


@pytest.mark.parametrize("load", LOADERS.values(), ids=LOADERS)
def test_uploaded_code_is_not_loaded(app, page, canary, upload, add_page, load):
    urls = [upload(name, CODE.format(asker="upload")) for name in CODE_NAMES]
    add_page("/own", CODE.format(asker="own"), "text/javascript")
    add_page("/", "<!doctype html><title>page</title>")
    with serving(app) as served:
        page.open(served.url)
        for url in urls:
            assert page.evaluate(f"({load})('{url}')") == "blocked", url
            assert [request.status for request in served.requests(url)] == [200], url
        assert page.evaluate(f"({load})('/own')") == "loaded"
        wait_until(lambda: canary)
    assert canary == ["own"]


@pytest.fixture
def put_as(request, configure_storage):
    """Put a file into the store with any type, as another program would, and return the path of its URL."""
    with ExitStack() as stack:
        settings = gridfs_settings(request, stack)
        storage = configure_storage("files", {"BACKEND": "gridfs", **settings})
        database = stack.enter_context(pymongo.MongoClient(settings["MONGO_URL"]))[settings["MONGO_DB"]]
        bucket = gridfs.GridFS(database, "files")

        def put_as(content_type, content):
            name = f"{len(bucket.list())}.unknown"
            bucket.put(content.encode(), filename=name, contentType=content_type)
            return storage.url(name)

        yield put_as


def test_uploaded_code_is_not_loaded_whatever_type_its_store_knows(app, page, canary, add_page, put_as):
    urls = {content_type: put_as(content_type, CODE.format(asker="upload")) for content_type in JAVASCRIPT_TYPES}
    add_page("/", "<!doctype html><title>page</title>")
    with serving(app) as served:
        page.open(served.url)
        answers = {of: page.evaluate(f"({LOADERS['script']})('{url}')") for of, url in urls.items()}
    assert [content_type for content_type, answer in answers.items() if answer != "blocked"] == []
    assert canary == []


def test_uploaded_document_does_not_run_whatever_type_its_store_knows(app, page, put_as):
    ran = []
    with serving(app) as served:
        for content_type, content in RUNNING.items():
            url = put_as(content_type, content.format(document=document("page.xhtml", "upload")))
            try:
                page.open(served.url + url)
            except ChromiumError:  # it becomes a download
                continue
            if page.evaluate("document.documentElement.id") == "ran":
                ran.append(content_type)
    assert ran == []


def document(name, asker):
    return DOCUMENTS[name][1].format(script=SCRIPT.format(asker=asker))


def wait_until(condition):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
