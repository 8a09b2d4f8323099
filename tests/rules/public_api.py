"""The public names of the package as text: ``python tests/rules/public_api.py`` writes them to ``public_api.txt``.

Public is what the modules below hand on in ``__all__``, and what docs/api.rst documents.
"""

import importlib
import inspect
import re
import types
from pathlib import Path

from flask_pyfs.backends import Option

HERE = Path(__file__).parent
FILE = HERE / "public_api.txt"
DOCUMENTED = HERE.parents[1] / "docs" / "api.rst"
BACKENDS = ("gridfs", "local", "memory", "migrating", "mock", "pyfs", "s3", "swift")
FILESYSTEMS = ("generic", "gridfs", "local", "memory", "objects", "s3", "store", "swift")
MODULES = [
    "flask_pyfs",
    "flask_pyfs.backends",
    *(f"flask_pyfs.backends.{name}" for name in BACKENDS),
    "flask_pyfs.errors",
    "flask_pyfs.files",
    *(f"flask_pyfs.filesystems.{name}" for name in FILESYSTEMS),
    "flask_pyfs.fsspec",
    "flask_pyfs.images",
    "flask_pyfs.mediatypes",
    "flask_pyfs.mongo",
    "flask_pyfs.orphans",
    "flask_pyfs.pytest_plugin",
    "flask_pyfs.signals",
    "flask_pyfs.sqlalchemy",
    "flask_pyfs.storage",
    "flask_pyfs.testing",
    "flask_pyfs.uploads",
]
SPECIAL = {"__bool__", "__call__", "__contains__", "__iter__", "__len__"}
LONGEST_VALUE = 60
DIRECTIVE = re.compile(r"^\.\. auto(module|class|function|data|exception):: ([\w.]+)\n((?:   :.*\n)*)", re.MULTILINE)
OPTION = re.compile(r"   :([\w-]+): *(.*)")


def public_api():
    """Return the text."""
    paths = {f"{module}.{name}" for module in MODULES for name in names_of(module)}
    hidden = set()
    for kind, path, options in DIRECTIVE.findall(DOCUMENTED.read_text()):
        given = {name: re.findall(r"\w+", value) for name, value in OPTION.findall(options)}
        hidden.update((path, name) for name in given.get("private-members", ()))
        if kind != "module":
            paths.add(path)
        elif "members" in given:
            paths.update(f"{path}.{name}" for name in given["members"] or names_of(path))
    seen = {}
    return "\n".join(line for path in sorted(paths, key=split) for line in described(path, seen, hidden)) + "\n"


def split(path):
    return path.rpartition(".")[::2]


def names_of(module):
    return [name for name in importlib.import_module(module).__all__ if not name.startswith("__")]


def described(path, seen, hidden):
    """Return the lines for what a path names; one if another path has named it before."""
    module, name = split(path)
    thing = getattr(importlib.import_module(module), name)
    if not (inspect.isclass(thing) or inspect.isroutine(thing)):
        return [f"{path}{value_of(thing)}"]
    if thing in seen:
        return [f"{path} is {seen[thing]}"]
    seen[thing] = path
    if inspect.isroutine(thing):
        return [f"{path}{signature_of(thing)}"]
    bases = ", ".join(base.__name__ for base in thing.__bases__ if base is not object)
    shown = {name for where, name in hidden if where == module}
    return [f"class {path}({bases})", *(f"    {line}" for line in members_of(thing, shown))]


def members_of(owner, shown):
    """Iterate over the lines for the members that a class does not inherit."""
    members = vars(owner)
    if {"__init__", "__new__"} & set(members) and not getattr(owner, "_is_protocol", False):
        yield f"new{signature_of(owner)}"
    fields = {*members.get("__dataclass_fields__", ()), *members.get("_fields", ())}
    for name in sorted(set(members) - fields):
        if (not name.startswith("_") or name in SPECIAL | shown) and not name.startswith("test_"):
            yield name + suffix_of(members[name])


def suffix_of(member):
    if isinstance(member, property) and member.fget:
        return f": {inspect.signature(member.fget).return_annotation}"
    if isinstance(member, (classmethod, staticmethod)):
        return f"{signature_of(member.__func__)} [{type(member).__name__}]"
    if inspect.isroutine(member):
        return signature_of(member, is_method=True)
    return value_of(member)


def value_of(thing):
    """Return the value of a constant if it is short and the same everywhere, else its type."""
    if isinstance(thing, tuple) and all(isinstance(each, Option) for each in thing):
        return f": options {' '.join(sorted(option.name for option in thing))}"
    if isinstance(thing, types.UnionType):
        return ": a type"
    text = repr(thing)
    simple = isinstance(thing, (str, int, float, list, tuple, type(None))) and len(text) <= LONGEST_VALUE
    return f" = {text}" if simple else f": {type(thing).__name__}"


class Bare(str):
    """An annotation without quotes around it."""

    __repr__ = str.__str__


def bare(annotation):
    annotation = getattr(annotation, "__forward_arg__", annotation)
    return Bare(annotation) if isinstance(annotation, str) else annotation


def signature_of(function, is_method=False):
    found = inspect.signature(function)
    parameters = [each.replace(annotation=bare(each.annotation)) for each in found.parameters.values()]
    return str(found.replace(parameters=parameters[is_method:], return_annotation=bare(found.return_annotation)))


if __name__ == "__main__":
    FILE.write_text(public_api())
