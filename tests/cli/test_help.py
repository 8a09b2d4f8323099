"""Each command has a help with examples, the reference has each command, and the examples work."""

import doctest
import inspect
import re
import shlex
import subprocess
import sys
from typing import Any

import click
import pytest
from pages import TOP, blocks, console

import flask_pyfs as fs
from flask_pyfs.cli import fs as group

CONTEXT = click.Context(group, info_name="flask fs")
COMMANDS = group.list_commands(CONTEXT)
EXAMPLE = re.compile(r"^ +(flask fs .+)", re.MULTILINE)


def command_of(name):
    command = group.get_command(CONTEXT, name)
    assert command is not None
    return command


def examples_of(name):
    return EXAMPLE.findall(inspect.cleandoc(command_of(name).help or ""))


@pytest.fixture
def shop(app, tmp_path, monkeypatch):
    """The app of the examples: two storages with files, and a function that runs a command line."""
    monkeypatch.chdir(tmp_path)
    photos, archive = fs.Storage("photos", fs.ALL), fs.Storage("archive", fs.ALL)
    app.config.update(SERVER_NAME="shop.test", FS_PRIVATE=True)
    fs.init_app(app, photos, archive)
    for name in ("2026/a.jpg", "2026/b.jpg", "c.jpg"):
        photos.write(name, name.encode())

    def run(line):
        program, *arguments = shlex.split(line.replace("/srv/", f"{tmp_path}/srv/"), comments=True)
        arguments = arguments[2:] if arguments[0] == "--app" else arguments
        assert (program, arguments[0]) == ("flask", "fs")
        return app.test_cli_runner().invoke(group, arguments[1:])

    return run


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_an_example(shop, name):
    done = shop(f"flask fs {name} --help")
    assert done.exit_code == 0
    examples = examples_of(name)
    assert examples
    for example in examples:
        # as it is written: click leaves the lines alone
        assert example in done.stdout
        assert name in shlex.split(example)


# those of these commands need what the app has not
@pytest.mark.parametrize("example", [each for name in ["sync"] for each in examples_of(name)])
def test_the_examples_of_the_help_run(shop, example):
    done = shop(example)
    assert (done.exit_code, done.stderr) == (0, "")


def test_the_reference_has_each_command_as_its_help_does(tmp_path):
    (tmp_path / "conf.py").write_text(
        f"import sys\nsys.path.append({str(TOP / 'docs' / 'extensions')!r})\nextensions = ['click_reference']\n"
    )
    page = (TOP / "docs" / "commands.rst").read_text(encoding="utf-8")
    [directive] = re.findall(r"^\.\. click-reference:: .*", page, re.MULTILINE)
    (tmp_path / "index.rst").write_text(f"Commands\n========\n\n{directive}\n")
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "text", str(tmp_path), str(tmp_path / "text")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    text = (tmp_path / "text" / "index.txt").read_text(encoding="utf-8")
    assert re.findall(r"^(\S+)\n=+$", text, re.MULTILINE) == sorted(COMMANDS)
    words = "".join(text.split())
    for name in COMMANDS:
        command = command_of(name)
        for example in examples_of(name):
            assert f" {example}\n" in text
        for option in (each for each in command.params if isinstance(each, click.Option)):
            names, said = option.get_help_record(click.Context(command)) or ("", "")
            assert "".join(names.split()) in words
            assert "".join(said.split()) in words


def test_the_consoles_of_the_page_on_operations(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = TOP / "docs" / "operations.rst"
    namespace: dict[str, Any] = {"__name__": "shop"}
    line, code = blocks(page)[0]
    exec(compile("\n" * line + code, str(page), "exec"), namespace)
    checker = doctest.OutputChecker()
    lines = console(page)
    assert len(lines) > 5
    for line, printed in lines:
        arguments = shlex.split(line.replace("/srv/", f"{tmp_path}/srv/"))
        assert arguments[:4] == ["flask", "--app", "shop", "fs"]
        done = namespace["app"].test_cli_runner().invoke(group, arguments[4:])
        assert done.exit_code == 0, f"{line}: {done.output}"
        if printed:
            expected = "".join(f"{each}\n" for each in printed)
            assert checker.check_output(expected, done.stdout, doctest.ELLIPSIS), f"{line}: {done.stdout}"
