"""The pytest plugin, as tests of an app use it."""

import pytest

pytest_plugins = ["pytester"]

CONFTEST = """
import flask
import pytest
import flask_pyfs as fs

pytest_plugins = ["flask_pyfs.pytest_plugin"]

files, notes = fs.Storage("files"), fs.Storage("notes")

def create_app():
    app = flask.Flask("tests", instance_path={path!r})
    fs.init_app(app, files, notes)
    return app

@pytest.fixture
def made():
    return create_app()
"""


@pytest.fixture
def run(pytester, tmp_path):
    """Run tests of an app whose storages are on a disk."""

    def run(text, *options):
        pytester.makeconftest(CONFTEST.format(path=str(tmp_path / "instance")))
        pytester.makepyfile(text)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)

    return run


def test_all_storages_are_in_memory_until_the_test_ends(run, tmp_path):
    result = run("""
        from conftest import files, notes

        def test_first(memory_storages, made):
            memory_storages(made)
            with made.app_context():
                assert files.backend_name == notes.backend_name == "memory"
                files.write("a.txt", "text")
            # outside a context too
            assert files.read("a.txt") == b"text"

        def test_second(memory_storages, made):
            memory_storages(made)
            assert list(files.list_files()) == []

        def test_third(made):
            assert files.backend_name == "local"
            files.write("kept.txt", "text")
    """)
    result.assert_outcomes(passed=3)
    assert [path.name for path in (tmp_path / "instance").rglob("*.txt")] == ["kept.txt"]


def test_some_storages_and_several_apps(run):
    run("""
        from conftest import create_app, files, notes

        def test_some(memory_storages, made):
            memory_storages(made, files)
            assert (files.backend_name, notes.backend_name) == ("memory", "local")

        def test_two_apps(memory_storages, made):
            other = create_app()
            memory_storages(made)
            memory_storages(other)
            with made.app_context():
                files.write("a.txt", "one")
            with other.app_context():
                assert not files.exists("a.txt")
                files.write("a.txt", "two")
            with made.app_context():
                assert files.read("a.txt") == b"one"
    """).assert_outcomes(passed=2)


def test_a_test_that_fails_leaves_nothing_behind(run):
    run("""
        from conftest import files

        def test_fails(memory_storages, made):
            memory_storages(made)
            files.write("a.txt", "text")
            assert False

        def test_passes(made):
            assert (files.backend_name, files.exists("a.txt")) == ("local", False)
    """).assert_outcomes(passed=1, failed=1)


def test_the_fixture_explains_itself(run):
    run("def test_nothing(): pass", "--fixtures").stdout.fnmatch_lines(
        ["memory_storages*", "*keeps the files of an app's*"]
    )
