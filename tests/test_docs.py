"""The code in the documentation runs, and prints what the pages say."""

import doctest
import os
import re
import textwrap
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
RST = re.compile(r"^( *)\.\. code-block:: (?:python|pycon)\n\n((?:\1 {3,}\S.*\n|\n)+)", re.MULTILINE)
MARKDOWN = re.compile(r"^()```(?:python|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
START = re.compile(r"^ *(?:\.\. code-block::|```) ?py", re.MULTILINE)


def blocks(page):
    """Return the Python of a page: the line above each block, and its code."""
    text = page.read_text(encoding="utf-8")
    found = (MARKDOWN if page.suffix == ".md" else RST).finditer(text)
    return [(text.count("\n", 0, match.start(2)), textwrap.dedent(match.group(2))) for match in found]


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_code_of_a_page(page, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "environ", os.environ.copy())
    # an app of an unknown module has its instance directory below the current one
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "myapp"}
    for line, code in blocks(page):
        run(page, line, code, namespace)
    # closes the responses that a page did not read; the functions of the page would keep them for the collector
    namespace.clear()
