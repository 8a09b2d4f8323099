"""fs is imported without pkg_resources, and finds the packages that extend it."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import flask_pyfs

# the folders below filesystems come after it, whichever of their modules is the first
TOP = Path(flask_pyfs.__file__).parent
MODULES = sorted(
    ".".join(["flask_pyfs", *path.relative_to(TOP).with_suffix("").parts])
    for path in [*TOP.glob("[!_]*.py"), *TOP.glob("*/[!_]*.py")]
)

# what setuptools below 82 has, as far as it matters here
REAL = """
import warnings

real = True
declared = []


def declare_namespace(name):
    warnings.warn(f"Deprecated call to `pkg_resources.declare_namespace({name!r})`.", DeprecationWarning)
    declared.append(name)


def iter_entry_points(group, name=None):
    return iter([])
"""

WITHOUT = """
import sys

class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name == "pkg_resources":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Nothing())
"""

TINY = """
from fs.memoryfs import MemoryFS
from fs.opener import Opener

class TinyOpener(Opener):
    protocols = ["tiny"]

    def open_fs(self, fs_url, parse_result, writeable, create, cwd):
        made = MemoryFS()
        made.writetext("tiny.txt", parse_result.resource)
        return made
"""


def run(code, *paths, options=("-W", "error")):
    path = os.pathsep.join([*map(str, paths), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, *options, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path})
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


@pytest.fixture
def real(tmp_path):
    """A directory with a pkg_resources."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "pkg_resources.py").write_text(REAL)
    return tmp_path / "real"


@pytest.fixture
def tiny(tmp_path):
    """A directory in which a package is installed that has modules below fs and fs.opener, and an opener."""
    site = tmp_path / "site"
    for directory in ("fs/tiny", "fs/opener", "fs_tiny-1.dist-info"):
        (site / directory).mkdir(parents=True)
    (site / "fs" / "tiny" / "__init__.py").write_text("size = 1\n")
    (site / "fs" / "opener" / "tinyfs.py").write_text(TINY)
    (site / "fs_tiny-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: fs-tiny\nVersion: 1\n")
    (site / "fs_tiny-1.dist-info" / "entry_points.txt").write_text("[fs.opener]\ntiny = fs.opener.tinyfs:TinyOpener\n")
    return site


def test_fs_works_where_there_is_no_pkg_resources():
    code = WITHOUT + 'import flask_pyfs, fs, fs.opener; print(fs.open_fs("mem://"))'
    assert run(code) == "<memfs>\n"


def test_nothing_is_left_of_the_stand_in(real):
    run(WITHOUT + "import flask_pyfs; assert 'pkg_resources' not in sys.modules")
    run("import flask_pyfs, pkg_resources; assert pkg_resources.real and not pkg_resources.declared", real)


def test_nothing_is_left_where_fs_does_not_import():
    code = """
    import sys

    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name == "fs.opener.registry":
                raise ModuleNotFoundError("broken")

    sys.meta_path.insert(0, Broken())
    try:
        import flask_pyfs
    except ModuleNotFoundError as error:
        print(error)
    assert "pkg_resources" not in sys.modules
    """
    assert run(code) == "broken\n"


def test_a_pkg_resources_that_is_there_stays_and_is_asked(real):
    code = """
    import sys, warnings
    import pkg_resources

    before = warnings.filters[:]
    import flask_pyfs, fs

    assert sys.modules["pkg_resources"] is pkg_resources and warnings.filters == before
    print(*pkg_resources.declared, fs.open_fs("mem://"))
    """
    # the forks of fs ask for nothing
    assert run(code, real).split() in (["fs", "fs.opener", "<memfs>"], ["<memfs>"])


def test_an_fs_that_is_there_stays(real):
    code = """
    import warnings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import fs
    import sys
    loaded = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "fs"}
    import flask_pyfs
    assert all(sys.modules[name] is module for name, module in loaded.items())
    """
    run(code, real)


def test_another_thread_gets_the_real_one(real):
    code = """
    import sys, threading

    imported = threading.Event()
    got = []

    def other():
        import pkg_resources
        imported.set()
        got.append(pkg_resources.real)

    thread = threading.Thread(target=other)

    class Meanwhile:
        def find_spec(self, name, path=None, target=None):
            if name == "fs.opener.registry":
                thread.start()
                assert imported.wait(60)

    sys.meta_path.insert(0, Meanwhile())
    import flask_pyfs
    thread.join()
    import pkg_resources
    print(got, pkg_resources.real, pkg_resources.declared)
    """
    assert run(code, real) == "[True] True []\n"


def test_each_module_imports_while_another_thread_has_only_begun_with_the_package(soak):
    # each imports most of the others
    modules = MODULES if soak else MODULES[::16]
    code = WITHOUT + textwrap.dedent(f"""
    import importlib, importlib.util, os
    # once for all children
    import boto3, flask, gridfs, keystoneauth1.session, mongoengine, PIL.Image, pytest, sqlalchemy.orm, swiftclient

    for name in {modules}:
        child = os.fork()
        if not child:
            spec = importlib.util.find_spec("flask_pyfs")
            sys.modules["flask_pyfs"] = importlib.util.module_from_spec(spec)
            importlib.import_module(name)
            assert "pkg_resources" not in sys.modules
            os._exit(0)
        assert not os.waitpid(child, 0)[1], name
    """)
    run(code, options=())


def test_an_installed_package_extends_fs(tiny):
    code = WITHOUT + textwrap.dedent("""
    import flask_pyfs, fs.opener, fs.tiny
    assert "tiny" in fs.opener.registry.protocols
    with fs.open_fs("tiny://here") as made:
        print(fs.tiny.size, made.readtext("tiny.txt"))
    """)
    assert run(code, tiny) == "1 here\n"


def test_an_opener_is_found_where_the_path_grows_later(tiny):
    code = f"""
    import sys
    import flask_pyfs, fs.opener
    assert "tiny" not in fs.opener.registry.protocols
    sys.path.append({str(tiny)!r})
    assert "tiny" in fs.opener.registry.protocols
    """
    run(code)


def test_a_broken_opener_is_named(tiny):
    (tiny / "fs" / "opener" / "tinyfs.py").write_text("import no_such_driver\n")
    code = """
    import flask_pyfs, fs.opener
    try:
        fs.open_fs("tiny://")
    except fs.opener.errors.EntryPointError as error:
        print(error)
    """
    assert "no_such_driver" in run(code, tiny)
