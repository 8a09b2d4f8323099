"""SVG that is taken, or was stripped, asks nothing of other hosts and runs nothing, in a real browser."""

import time
from contextlib import suppress
from urllib.parse import unquote, urlsplit

import flask
import pytest
from servers.waitressapp import serving
from test_svg import BOX, EVIL, HARMLESS, HOSTILE, NS, as_file

from flask_pyfs import UnauthorizedFileType
from flask_pyfs.uploads import svg

SECONDS = 20

# asked for after what the others ask for: animations begin when all is loaded
LAST = f'<svg {NS}><rect {BOX}><set attributeName="mask" begin="0.2s" to="url({EVIL}#a)"/></rect></svg>'

# what Chromium does as it is: the others are of other browsers, wait for a click, or have nothing that it shows
BITING = [
    "script elsewhere",
    "image elsewhere",
    "without a scheme",
    "backslashes",
    "filter",
    "import",
    "escaped import",
    "style in CDATA",
    "import around an element",
    "import before a style",
    "import with a long escape",
    "url with a long escape",
    "url after a comment",
    "url of many blanks",
    "entity of XHTML",
    "parenthesis of XHTML",
    "animated mask",
]


@pytest.fixture
def asked(app, page):
    """Show documents in frames and return what each of them asked of other hosts."""
    documents = {}

    @app.get("/")
    def frames():
        return "<!doctype html><link rel=icon href='data:,'>" + "".join(
            f'<iframe src="/{name}/x.svg"></iframe>' for name in documents
        )

    @app.get("/<name>/x.svg")
    def document(name):
        return flask.Response(documents[name], content_type="image/svg+xml")

    def asked(contents, until):
        documents.clear()
        documents.update(contents)
        page.open(served.url)
        deadline = time.monotonic() + SECONDS
        while True:
            found = {}
            for document, url in page.requests():
                if not url.startswith((served.url, "data:")):
                    found.setdefault(unquote(urlsplit(document).path).split("/")[1], []).append(url)
            if until <= found.keys() or time.monotonic() > deadline:
                return found

    with serving(app) as served:
        page.watch_requests()
        yield asked


def test_what_is_hostile_reaches_out_as_it_is(asked):
    assert set(BITING) - asked({name: HOSTILE[name] for name in BITING}, until=set(BITING)).keys() == set()


def test_what_is_taken_or_stripped_does_not(asked):
    contents = {}
    for name, content in {**HARMLESS, **HOSTILE}.items():
        with suppress(UnauthorizedFileType):
            svg.check(as_file(content))
            contents[name] = content
        with suppress(UnauthorizedFileType):
            contents[f"stripped {name}"] = svg.strip(as_file(content))
    assert len(contents) > len(HARMLESS) + len(HOSTILE)
    assert asked({**contents, "last": LAST}, until={"last"}) == {"last": [f"{EVIL}"]}
