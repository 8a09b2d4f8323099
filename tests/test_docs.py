"""The code in the documentation runs, and prints what the pages say."""

import doctest
import logging
import os
import re
import subprocess
import uuid
from types import SimpleNamespace
from typing import Any

import flask
import pytest
import sqlalchemy
from pages import START, TOP, blocks
from servers.nginx import TEMPORARY
from servers.programs import program
from servers.waitressapp import serving

import flask_pyfs as fs
from flask_pyfs.backends import registry
from flask_pyfs.common import APP, COMMON
from flask_pyfs.extras import required_by


def run(page, line, code, namespace):
    if not code.startswith(">>>"):
        # the empty lines let a traceback show the line of the page
        exec(compile("\n" * line + code, str(page), "exec"), namespace)
        return
    session = doctest.DocTestParser().get_doctest(code, {}, page.name, str(page), line)
    session.globs = namespace
    said = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(session, out=said.append, clear_globs=False)
    assert not said, "".join(said)


PAGES = [page for page in (TOP / "README.md", *sorted(TOP.glob("docs/*.rst"))) if blocks(page)]


def test_no_block_is_overlooked():
    pages = [TOP / "README.md", *TOP.glob("docs/*.rst")]
    assert {page.name: len(blocks(page)) for page in pages} == {
        page.name: len(START.findall(page.read_text(encoding="utf-8"))) for page in pages
    }


@pytest.fixture
def log_as_before():
    """Undo what a page does to the log."""
    log = logging.getLogger("flask_pyfs")
    level, handlers = log.level, log.handlers[:]
    yield
    log.setLevel(level)
    log.handlers[:] = handlers


@pytest.fixture
def closed_databases():
    """Close the databases that a page opens, as the end of a process does."""
    opened = []

    def note(connection, record):
        opened.append(connection)

    sqlalchemy.event.listen(sqlalchemy.Engine, "connect", note)
    yield
    sqlalchemy.event.remove(sqlalchemy.Engine, "connect", note)
    for connection in opened:
        connection.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.usefixtures("log_as_before", "closed_databases")
def test_the_code_of_a_page(page, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "environ", os.environ.copy())
    # an app of an unknown module has its instance directory below the current one
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "myapp"}
    for line, code in blocks(page):
        run(page, line, code, namespace)
    # closes the responses that a page did not read; the functions of the page would keep them for the collector
    namespace.clear()


# what people look for, and a page that must have it
WORDS = {
    "404": "troubleshooting",
    "admin": "admin",
    "Alembic": "models",
    "alternatives": "comparison",
    "backup": "deployment",
    "Celery": "cookbook",
    "CORS": "troubleshooting",
    "cron": "operations",
    "CSV": "cookbook",
    "deployment": "deployment",
    "Docker": "deployment",
    "ffmpeg": "programs",
    "form": "forms",
    "gunicorn": "deployment",
    "MinIO": "deployment",
    "migrate": "changing-stores",
    "move": "operations",
    "pandas": "programs",
    "performance": "performance",
    "rolling": "changing-stores",
    "security": "security",
    "SQLAlchemy": "models",
    "thumbnails": "images",
    "zip": "cookbook",
}


@pytest.mark.parametrize(("word", "page"), WORDS.items())
def test_a_word_that_people_look_for_is_in_the_page_that_answers(word, page):
    text = (TOP / "docs" / f"{page}.rst").read_text(encoding="utf-8")
    assert re.search(rf"\b{word}\b", text, re.IGNORECASE)


def test_numbers_are_in_the_index():
    # which is all that Sphinx's search finds of them
    text = (TOP / "docs" / "troubleshooting.rst").read_text(encoding="utf-8")
    headings = re.findall(r"^(\d+): .*\n-+$", text, re.MULTILINE)
    assert headings == ["404", "403", "413", "415", "500"]
    assert headings == re.findall(r"^\.\. index:: (\d+)$", text, re.MULTILINE)


def test_each_setting_is_in_the_table():
    text = (TOP / "docs" / "configuration.rst").read_text(encoding="utf-8")
    wanted = [option.name for option in COMMON] + [f"FS_{option.name}" for option in APP]
    assert [name for name in wanted if f"``{name}``" not in text] == []


def raised(call, *arguments):
    with pytest.raises((fs.FSError, ImportError, RuntimeError)) as info:
        call(*arguments)
    return str(info.value)


def test_the_messages_that_pages_quote_are_the_real_ones(tmp_path, monkeypatch):
    def importing(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    def missing_package():
        with required_by("images", "PIL"):
            importing("PIL")

    app = flask.Flask("shop")
    app.config["FS_ROOT"] = str(tmp_path / "disk")
    images = fs.Storage("images", fs.IMAGES)
    quoted = {"troubleshooting": [raised(missing_package).partition(":")[0]]}
    with app.app_context():
        quoted["troubleshooting"].append(raised(images.url, "a.png").partition(" 'shop'")[0])
    broken = SimpleNamespace(load=lambda: importing("boto3"), module="flask_pyfs.backends.s3", name="s3")
    with monkeypatch.context() as patch:
        patch.setattr(registry, "_built_in", lambda: {"s3": broken})
        patch.setitem(app.config, "IMAGES_FS_BACKEND", "s3")
        message = raised(fs.init_app, app, images)
    quoted["troubleshooting"].append(message.partition(": ")[2].rpartition(": ")[0])

    fs.init_app(app, images)
    images.write("a.png", b"x")
    (tmp_path / "disk").rename(tmp_path / "elsewhere")
    gone = raised(images.exists, "a.png").partition(": ")[2]
    quoted["deployment"] = [gone.replace(str(tmp_path / "disk" / "images"), "/srv/files")]
    for page, messages in quoted.items():
        text = " ".join((TOP / "docs" / f"{page}.rst").read_text(encoding="utf-8").split())
        for message in messages:
            assert f"``{message}``" in text


GUIDES = [
    "changing-stores",
    "comparison",
    "cookbook",
    "deployment",
    "operations",
    "performance",
    "security",
    "troubleshooting",
]


@pytest.mark.parametrize("name", [*GUIDES, "api", "serving", "testing", "uploads"])
def test_a_page_starts_with_code(name):
    text = (TOP / "docs" / f"{name}.rst").read_text(encoding="utf-8")
    before, directive, _ = text.partition(".. code-block:: py")
    assert directive
    assert len(before.splitlines()) < 12


def test_no_page_installs_from_pypi_what_is_not_there():
    installs = [
        line
        for page in (TOP / "README.md", *TOP.glob("docs/*.rst"))
        for line in page.read_text(encoding="utf-8").splitlines()
        if re.search(r"pip install .*flask_pyfs", line)
    ]
    assert installs
    assert not [line for line in installs if "git+https" not in line]


def test_the_index_and_the_readme_name_each_guide():
    index = (TOP / "docs" / "index.rst").read_text(encoding="utf-8")
    readme = (TOP / "README.md").read_text(encoding="utf-8")
    for name in GUIDES:
        assert f":doc:`{name}`" in index
        assert f"(docs/{name}.rst)" in readme


@pytest.mark.browser
@pytest.mark.server
def test_the_direct_upload_of_the_cookbook(page):
    namespace: dict[str, Any] = {"__name__": "myapp"}
    cookbook = TOP / "docs" / "cookbook.rst"
    needed = [
        (line, code) for line, code in blocks(cookbook) if "def new_app(" in code or '@app.post("/uploads")' in code
    ]
    assert len(needed) == 2
    for line, code in needed:
        run(cookbook, line, code, namespace)
    script = (TOP / "docs" / "examples" / "direct_upload.js").read_text(encoding="utf-8")
    with serving(namespace["app"]) as served:
        page.open(f"{served.url}/any-page")
        done = page.evaluate(f"{script}\nupload(new File(['a film'], 'Holidays 2026.mp4'))")
        refused = page.evaluate("upload(new File(['MZ'], 'tool.exe')).catch(error => error.message)")
    assert done["original_name"] == "Holidays 2026.mp4"
    assert refused == "This file is not taken."
    with namespace["app"].app_context():
        assert namespace["videos"].read(done["name"]) == b"a film"


def test_counting_requests_as_the_page_on_performance_does(moto_endpoint, app, configure_storage):
    namespace = {}
    page = TOP / "docs" / "performance.rst"
    [(line, code)] = [(line, code) for line, code in blocks(page) if "def counted(" in code]
    run(page, line, code, namespace)
    settings = {
        "BACKEND": "s3",
        "BUCKET": f"bucket-{uuid.uuid4().hex}",
        "ENDPOINT": moto_endpoint.url,
        "ACCESS_KEY": moto_endpoint.access_key,
        "SECRET_KEY": moto_endpoint.secret_key,
        "REGION": moto_endpoint.region,
    }
    files = configure_storage("files", settings)
    with app.app_context():
        files.write("a.txt", "text")
        with namespace["counted"]() as sent:
            assert files.exists("a.txt")
            assert not files.exists("b.txt")
    assert [line.split()[1] for line in sent] == ['"HEAD', '"HEAD']


@pytest.mark.server
def test_nginx_takes_the_configuration_that_the_page_on_serving_shows(tmp_path, unused_port):
    text = (TOP / "docs" / "serving.rst").read_text(encoding="utf-8")
    [block] = re.findall(r"^\.\. code-block:: nginx\n\n((?: {3}.*\n|\n)+)", text, re.MULTILINE)
    server = block.replace("server {", f"server {{ listen 127.0.0.1:{unused_port};", 1)
    temporary = "\n".join(f'{name}_temp_path "{tmp_path}/{name}";' for name in TEMPORARY)
    conf = tmp_path / "nginx.conf"
    conf.write_text(
        f'pid "{tmp_path}/pid"; error_log stderr; events {{}} http {{ access_log off; {temporary}\n{server} }}'
    )
    argv = [program("nginx", "nginx-light"), "-t", "-p", str(tmp_path), "-c", str(conf)]
    found = subprocess.run(argv, stderr=subprocess.PIPE, text=True, timeout=60)
    assert found.returncode == 0, found.stderr
