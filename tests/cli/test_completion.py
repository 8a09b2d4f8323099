"""A shell completes the names of storages, and those of files."""

import os
import pty
import re
import select
import subprocess
import sys
import textwrap

import pytest
from click.shell_completion import ShellComplete
from flask.cli import ScriptInfo
from pages import TOP

import flask_pyfs as fs
from flask_pyfs.cli import fs as group


@pytest.fixture
def photos(configure_storage):
    return configure_storage("photos", {"BACKEND": "memory"})


@pytest.fixture
def offered(app, configure_storage, photos):
    """A function that returns what is offered for the last of the words of a line."""
    configure_storage("plain-text.2", {"BACKEND": "memory"})

    def offered(*words):
        complete = ShellComplete(group, {"obj": ScriptInfo(create_app=lambda: app)}, "fs", "_FS_COMPLETE")
        return [(item.type, item.value) for item in complete.get_completions(list(words[:-1]), words[-1])]

    return offered


def plain(*values):
    return [("plain", value) for value in values]


def test_storages(offered, photos):
    photos.write("a.jpg", "")
    assert offered("ls", "p") == plain("photos:", "plain-text.2:")
    assert offered("ls", "pl") == plain("plain-text.2:")
    assert offered("ls", "x") == []


@pytest.mark.parametrize("command", ["adopt", "doctor", "leftovers", "orphans", "settings"])
def test_storages_alone(offered, command):
    assert offered(command, "p") == plain("photos", "plain-text.2")
    assert offered(command, "photos:") == []


def test_files(offered, photos):
    for name in ("2025/a.jpg", "2026/a.jpg", "2026/b.jpg", "x y.jpg"):
        photos.write(name, "")
    assert offered("ls", "photos:") == plain("photos:2025/", "photos:2026/", "photos:x y.jpg")
    assert offered("cat", "photos:x y.jpg", "photos:2026/") == plain("photos:2026/a.jpg", "photos:2026/b.jpg")
    assert offered("cat", "photos:2026/b") == plain("photos:2026/b.jpg")
    assert offered("ls", "photos:3") == []


def test_the_only_directory_is_entered(offered, photos):
    # a shell puts a space behind the only candidate
    photos.write("2026/11/a.jpg", "")
    photos.write("2026/11/b.jpg", "")
    assert offered("ls", "ph") == plain("photos:2026/11/a.jpg", "photos:2026/11/b.jpg")


def test_deep_directories(offered, photos):
    photos.write("/".join("abcdefghijklmnop"), "")
    [(_, value)] = offered("ls", "photos:")
    assert value == "photos:a/b/c/d/e/f/g/h/i/j/k/"
    assert offered("ls", value) == plain("photos:" + "/".join("abcdefghijklmnop"))


def test_only_some_of_many(offered, photos):
    for number in range(300):
        photos.write(f"{number}.jpg", "")
    found = offered("ls", "photos:")
    assert len(set(found)) == 200


def test_names_that_would_break_the_line(offered, photos):
    photos.fs.writetext("a\nb", "")
    photos.write("ab", "")
    assert offered("ls", "photos:a") == plain("photos:ab")


@pytest.mark.parametrize("typed", ["nope:", "photos:../", "photos:\0", ":", "photos:a/b/", "./", "~"])
def test_nothing_to_offer(offered, typed):
    assert offered("ls", typed) == []


def test_errors_are_silent(offered, photos, capsys):
    def fail(directory):
        print("noise")
        raise fs.BackendError("the store is down")

    photos.backend.level = fail
    assert offered("ls", "photos:") == []

    def broken():
        print("noise", file=sys.stderr)
        raise SystemExit(3)

    complete = ShellComplete(group, {"obj": ScriptInfo(create_app=broken)}, "fs", "_FS_COMPLETE")
    assert complete.get_completions(["ls"], "p") == []
    assert capsys.readouterr() == ("", "")


APP = """
import flask, flask_pyfs as fs
print("noise")
app = flask.Flask("app")
app.config.update(FS_BACKEND="local", FS_ROOT="root")
fs.init_app(app, fs.Storage("photos", fs.ALL))
"""

# as an interactive bash calls the function, whose words do not end at a colon
BASH = """
eval "$(_FLASK_COMPLETE=bash_source flask)"
for word; do
    COMP_WORDS=(flask fs cat "$word") COMP_CWORD=3 COMPREPLY=()
    _flask_completion flask
    printf '%s\\n' "${COMPREPLY[@]}" end
done
"""


@pytest.fixture
def shell(tmp_path):
    """The environment of a shell in which the program flask has an app with files."""
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "bin").mkdir()
    flask = tmp_path / "bin" / "flask"
    flask.write_text(f"#!{sys.executable}\nfrom flask.cli import main\nmain()\n")
    flask.chmod(0o755)
    (tmp_path / "root" / "photos" / "2026").mkdir(parents=True)
    for name in ("2026/a b.jpg", "2026/a,c.jpg", "2026/d's*.jpg"):
        (tmp_path / "root" / "photos" / name).touch()
    return {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "FLASK_APP": "app"}


def test_in_bash(tmp_path, shell):
    command = ["bash", "--norc", "-c", textwrap.dedent(BASH), "bash", "ph", r"photos:2026/a\ ", "nope:"]
    done = subprocess.run(command, cwd=tmp_path, env=shell, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        *(r"photos:2026/a\ b.jpg", "photos:2026/a,c.jpg", r"photos:2026/d\'s\*.jpg", "end"),
        *(r"photos:2026/a\ b.jpg", "end"),
        "end",
    ]


def test_on_a_terminal_as_the_page_says(tmp_path, shell):
    page = (TOP / "docs" / "commands.rst").read_text(encoding="utf-8")
    [lines] = re.findall(r"For bash, .*\n\n.. code-block:: sh\n\n((?:   .*\n)+)", page)
    (tmp_path / "bashrc").write_text(textwrap.dedent(lines).replace("shop", "app") + "echo ready\n")
    keyboard, terminal = pty.openpty()
    command = ["bash", "--rcfile", str(tmp_path / "bashrc"), "-i"]
    known = {"HOME": str(tmp_path), "TERM": "dumb", **shell}
    with subprocess.Popen(
        command, cwd=tmp_path, env=known, start_new_session=True, stdin=terminal, stdout=terminal, stderr=terminal
    ) as bash:
        os.close(terminal)
        shown = ""

        def type_until(keys, text):
            nonlocal shown
            os.write(keyboard, keys)
            begin = len(shown)
            while text not in shown[begin:]:
                assert select.select([keyboard], [], [], 60)[0], shown
                shown += os.read(keyboard, 65536).decode()

        try:
            type_until(b"", "ready")
            type_until(b"flask fs cat photos:2026/a,\t", "photos:2026/a,c.jpg ")
            type_until(b"\x15flask fs doctor p\t", "doctor photos ")
        finally:
            bash.kill()
            os.close(keyboard)
