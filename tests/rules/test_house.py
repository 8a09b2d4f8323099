"""The modules import each other in one direction, and docs/architecture.rst names them all."""

import ast
import re
from functools import cache
from pathlib import Path

import flask_pyfs

# the package that is installed, which need not be the source beside the tests
PACKAGE = Path(flask_pyfs.__file__).parent
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "architecture.rst").read_text(encoding="utf-8")


def name_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyi")])}


def statements(node):
    """Return all statements of a node; its expressions, where nothing is imported, would be ten times as many."""
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(node, field, ()):
            yield child
            yield from statements(child)


@cache
def imports_of(module):
    """Return the modules that a module imports, anywhere in it, and the packages of others."""
    path = FILES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found = set()
    for node in statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                found.add(inner if inner in FILES else base)
    return found


def rooms():
    """Return the rank of each room, as the page draws them from the top down."""
    drawn = re.search(r"from rooms below:\n\n.*?text\n\n(.*?)\n\n\S", PAGE, re.DOTALL).group(1)
    lines = [line.split() for line in drawn.splitlines()]
    return {room: len(lines) - number for number, line in enumerate(lines) for room in line}


def room_of(module):
    return module.partition(".")[2].partition(".")[0] or "__init__"


def test_imports_go_down():
    ranks = rooms()
    assert {room_of(module) for module in FILES} == set(ranks)
    upwards = [
        f"{module} -> {imported}"
        for module in FILES
        for imported in imports_of(module) & set(FILES)
        if room_of(imported) != room_of(module) and ranks[room_of(imported)] >= ranks[room_of(module)]
    ]
    assert upwards == []


def test_what_is_imported_is_there():
    # also by a function, which no other test may call
    gone = [
        f"{module} -> {imported}"
        for module in FILES
        for imported in imports_of(module)
        if imported.partition(".")[0] == PACKAGE.name and imported not in FILES
    ]
    assert gone == []


def test_only_a_face_imports_its_adapter():
    others = [
        f"{module} -> {imported}"
        for module in FILES
        if not module.startswith("flask_pyfs.adapters.")
        for imported in imports_of(module)
        if imported.startswith("flask_pyfs.adapters.") and imported.split(".")[2] != room_of(module)
    ]
    assert others == []


def test_there_is_no_circle():
    done, path = set(), []

    def visit(module):
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in done:
            path.append(module)
            for imported in imports_of(module) & set(FILES):
                visit(imported)
            done.add(path.pop())

    for module in FILES:
        visit(module)


def test_no_flask_below_backends():
    ranks = rooms()
    below = [module for module in FILES if ranks[room_of(module)] <= ranks["backends"]]
    assert len(below) > 60
    web = {"flask", "werkzeug"}
    users = {module for module in below if web & {name.partition(".")[0] for name in imports_of(module)}}
    assert users == set()


def test_only_a_store_s_folder_imports_its_driver():
    drivers = {
        "boto3": "flask_pyfs.filesystems.s3.",
        "botocore": "flask_pyfs.filesystems.s3.",
        "fs_s3fs": "flask_pyfs.filesystems.s3.",
        "pymongo": "flask_pyfs.filesystems.gridfs.",
        "bson": "flask_pyfs.filesystems.gridfs.",
        "swiftclient": "flask_pyfs.filesystems.swift.",
        "keystoneauth1": "flask_pyfs.filesystems.swift.",
        "mongoengine": "flask_pyfs.mongo",
        "sqlalchemy": "flask_pyfs.sqlalchemy.",
        "PIL": "flask_pyfs.images.",
        "cryptography": "flask_pyfs.encryption",
        "flask_wtf": "flask_pyfs.adapters.",
        "wtforms": "flask_pyfs.adapters.",
        "flask_admin": "flask_pyfs.adapters.",
    }
    elsewhere = [
        f"{module}: {name}"
        for module in FILES
        for name in {imported.partition(".")[0] for imported in imports_of(module)} & set(drivers)
        if not module.startswith(drivers[name]) and (module, name) != ("flask_pyfs.uploads.content", "PIL")
    ]
    assert elsewhere == []


def test_the_page_names_every_module():
    drawn = re.search(r"The house\n-+\n\n.*?text\n\n(.*?)\n\n\S", PAGE, re.DOTALL).group(1)
    named, folders = set(), list[str]()
    for line in drawn.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2 - 1
        name = line.split()[0]
        folders[depth:] = [name.rstrip("/")]
        if not name.endswith("/"):
            named.add(".".join(part for part in folders if part != "__init__"))
    faces = {name for name, path in FILES.items() if path.name == "__init__.py"} - {"flask_pyfs"}
    assert named == set(FILES) - faces
