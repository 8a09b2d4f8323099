"""The page on changing stores, from top to bottom, with a directory and a bucket of S3."""

import doctest
import re
import secrets
import shlex
import subprocess
import sys
from typing import Any

import pytest
from pages import TOP, blocks, console
from servers.s3 import clear_bucket, client

from flask_pyfs.cli import fs as group

PAGE = TOP / "docs" / "changing-stores.rst"
FILES = {"2026/ann.jpg": b"a photo of Ann", "2026/bob.jpg": b"a photo of Bob"}


@pytest.fixture
def own(tmp_path):
    """Let the code of the page use a directory and a bucket of the test."""
    bucket = f"shop-photos-{secrets.token_hex(4)}"
    return lambda code: code.replace("/srv/", f"{tmp_path}/srv/").replace("shop-photos", bucket)


@pytest.fixture
def page(own, monkeypatch, moto_endpoint):
    """What the Python of the page defines; its directory and its bucket are empty."""
    keys = {"ACCESS_KEY": moto_endpoint.access_key, "SECRET_KEY": moto_endpoint.secret_key}
    for key, value in {"ENDPOINT": moto_endpoint.url, "REGION": "us-east-1", **keys}.items():
        monkeypatch.setenv(f"FLASK_FS_S3_{key}", value)
    namespace: dict[str, Any] = {"__name__": "shop"}
    for line, code in blocks(PAGE):
        exec(compile("\n" * line + own(code), str(PAGE), "exec"), namespace)
    yield namespace
    clear_bucket(client(moto_endpoint), namespace["New"].PHOTOS_FS_BUCKET)


def held(page, settings):
    with page["create_app"](page[settings]).app_context():
        return {name: page["photos"].read(name) for name in page["photos"].list_files()}


@pytest.fixture
def run(page, hasty):
    """Run a command line of the page, with the settings of its app."""

    def run(line):
        [settings] = re.findall(r"create_app\('shop\.(\w+)'\)", line) or ["Migrating"]
        arguments = shlex.split(line)
        assert arguments[:2] + arguments[3:4] == ["flask", "--app", "fs"]
        done = page["create_app"](page[settings]).test_cli_runner().invoke(group, arguments[4:])
        assert done.exit_code == 0, f"{line}: {done.output}"
        return done.output

    with page["create_app"](page["Old"]).app_context():
        for name, content in FILES.items():
            page["photos"].write(name, content)
    return run


def test_the_consoles_of_the_page(page, run):
    lines = console(PAGE)
    assert len(lines) > 3
    for line, printed in lines:
        expected, got = "".join(f"{each}\n" for each in printed), run(line)
        assert doctest.OutputChecker().check_output(expected, got, doctest.ELLIPSIS), f"{line}: {got}"
    assert held(page, "New") == FILES


def test_the_way_back_of_the_page(page, run):
    run("flask --app shop fs migrate photos")
    with page["create_app"](page["Migrating"]).app_context():
        page["photos"].write("2026/cem.jpg", b"a photo of Cem")
        page["photos"].delete("2026/ann.jpg")
    lines = re.findall(r"^ +(flask --app \S+Back\S+ fs migrate .*)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        run(line)
    assert held(page, "Old") == {"2026/bob.jpg": FILES["2026/bob.jpg"], "2026/cem.jpg": b"a photo of Cem"}
    assert held(page, "New") == {}


@pytest.mark.parametrize("configuration", ["Migrating", "Back"])
def test_a_line_that_names_a_configuration(page, run, own, tmp_path, configuration):
    [line, *_] = re.findall(rf"^ +(flask --app \S+{configuration}\S+ fs .*)", PAGE.read_text("utf-8"), re.MULTILINE)
    code = "\n".join(code for _, code in blocks(PAGE))
    (tmp_path / "shop.py").write_text(own(code), encoding="utf-8")
    argv = [sys.executable, "-m", *shlex.split(line)]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "photos" in done.stdout + done.stderr
    assert (held(page, "Old"), held(page, "New")) == (FILES, {})
