"""The Python and the command lines that the pages of the documentation show."""

import re
import textwrap
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
RST = re.compile(r"^( *)\.\. code-block:: (?:python|pycon)\n\n((?:\1 {3,}\S.*\n|\n)+)", re.MULTILINE)
MARKDOWN = re.compile(r"^()```(?:python|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^( *)\.\. code-block:: console\n\n((?:\1 {3,}\S.*\n|\n)+)", re.MULTILINE)
START = re.compile(r"^ *(?:\.\. code-block::|```) ?py", re.MULTILINE)


def blocks(page):
    """Return the Python of a page: the line above each block, and its code."""
    text = page.read_text(encoding="utf-8")
    found = (MARKDOWN if page.suffix == ".md" else RST).finditer(text)
    return [(text.count("\n", 0, match.start(2)), textwrap.dedent(match.group(2))) for match in found]


def scripts(page, language):
    """Return the code of a page in a language that browsers read."""
    code = re.compile(rf"^( *)\.\. code-block:: {re.escape(language)}\n\n((?:\1 {{3,}}\S.*\n|\n)+)", re.MULTILINE)
    return [textwrap.dedent(match[2]) for match in code.finditer(page.read_text(encoding="utf-8"))]


def console(page):
    """Return the command lines of the consoles of a page, each with what it prints, in order."""
    found = []
    for match in CONSOLE.finditer(page.read_text(encoding="utf-8")):
        for line in textwrap.dedent(match[2]).splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line:
                found[-1][1].append(line)
    return found
