"""The directive ``click-reference``: the commands of a group of click, as their ``--help`` has them.

A help text is plain text, not reStructuredText: its patterns and names need no escapes.
"""

from __future__ import annotations

import inspect
import re
from importlib import import_module

import click
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class ClickReference(SphinxDirective):
    """``.. click-reference:: MODULE:GROUP PROGRAM``: a section for each command that the group lists."""

    required_arguments = 2
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        module, _, name = self.arguments[0].partition(":")
        group = getattr(import_module(module), name)
        parent = click.Context(group, info_name=self.arguments[1])
        return [self._section(parent, group, each) for each in sorted(group.list_commands(parent))]

    def _section(self, parent: click.Context, group: click.Group, name: str) -> nodes.section:
        command = group.get_command(parent, name)
        if command is None or not command.help:
            raise self.error(f"the command {name} has no help; is a package missing that it needs?")
        context = click.Context(command, info_name=name, parent=parent)
        identity = nodes.make_id(context.command_path)
        section = nodes.section("", nodes.title(text=name), ids=[identity], names=[identity])
        self.state.document.note_explicit_target(section)
        pieces = [context.command_path, *command.collect_usage_pieces(context)]
        section += _code(" ".join(pieces))
        section += _help(command.help)
        options = [each for each in command.params if isinstance(each, click.Option)]
        records = [record for each in options if (record := each.get_help_record(context))]
        section += nodes.definition_list("", *(_definition(*record) for record in records))
        return section


def _help(text: str) -> list[nodes.Node]:
    # a paragraph after \b keeps its lines: its first one is a heading, the others are code
    made: list[nodes.Node] = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        if not paragraph.startswith("\b"):
            made.append(_plain(paragraph))
            continue
        heading, _, lines = paragraph.lstrip("\b\n").partition("\n")
        made += [_plain(heading), _code(inspect.cleandoc(f"\n{lines}"))]
    return made


def _plain(text: str) -> nodes.paragraph:
    # two hyphens stay two
    return nodes.paragraph(text=" ".join(text.split()), support_smartquotes=False)


def _code(text: str) -> nodes.literal_block:
    return nodes.literal_block(text, text, language="text")


def _definition(names: str, text: str) -> nodes.definition_list_item:
    return nodes.definition_list_item(
        "", nodes.term("", "", nodes.literal(text=names)), nodes.definition("", _plain(text))
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("click-reference", ClickReference)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
