"""Untrusted SVG: refuse or strip scripts and references to other hosts.

defusedxml parses the file as XML and refuses entity declarations; a handler then checks each element and attribute.
py-svg-hush (Cloudflare's svg-hush) does the stripping: it keeps only what it knows to be harmless. Its output passes
the same check.

A check of our own gives the right answer for harmless files: it refuses none of 6,400 files of icon sets. Stripping a
file and comparing the result refuses one in twenty of them and accepts external style sheets; nh3 parses HTML and
accepts references in styles.

A browser runs the scripts of an SVG only if the SVG is opened as a document, not in an ``<img>``; see
https://www.w3.org/TR/svg-integration/.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, BinaryIO
from xml.sax.handler import ContentHandler, LexicalHandler, feature_namespaces, property_lexical_handler

from ..errors import FSError, UnauthorizedFileType

__all__ = ["check", "strip"]

_SVG = "http://www.w3.org/2000/svg"
_XML = "http://www.w3.org/XML/1998/namespace"
_XLINK = "http://www.w3.org/1999/xlink"
_XHTML = "http://www.w3.org/1999/xhtml"

_ACTIVE = {"script", "foreignobject", "handler", "listener", "iframe", "embed", "object"}
_REFERENCES = {"href", "src", "action", "formaction", "ping"}
_INLINE = re.compile(r"data:(image/(png|jpe?g|gif|webp|avif|bmp)|font/[a-z0-9]+|application/(x-)?font-[a-z0-9-]+)[;,]")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:")
_BLANK = re.compile(r"[\x00-\x20]+")
# match at every "url(", also inside a possible comment or another URL: only a browser knows which of them counts
_URL = re.compile(r"url\((?=[\"']?([^\"')]{0,200}))", re.IGNORECASE)
_EXTERNAL = re.compile(r"@import|image-set\(|\bsrc\(|expression\(|-moz-binding|behavior\s*:", re.IGNORECASE)
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})(?:\r\n|[ \t\r\n])?|(.))", re.DOTALL)

# for the public identifiers of XHTML, browsers define entities of their own, which a parser does not see
_DOCTYPE = "-//W3C//DTD SVG "

_PIECE = 64 * 1024

# in bytes; checking this many takes seconds at most, whatever the elements
_MAX_CHECKED = 8 * 1024 * 1024

# the largest input in bytes, and the most that indenting may add: svg-hush keeps several copies of it in memory
_MAX_STRIPPED = 4 * 1024 * 1024
_MAX_INDENTED = 32 * 1024 * 1024


def check(file: BinaryIO) -> None:
    """Check an SVG, from the current position of the file to its end, in constant memory.

    :raises UnauthorizedFileType: if the file is not SVG, is not well formed, is larger than 8 MiB, or has scripts,
        event handlers, foreign objects, references to other hosts, external style sheets or entity declarations.
    """
    _parse(file.read, _ContentCheck())


def strip(file: BinaryIO) -> bytes:
    """Read an SVG, from the current position of the file, and return it without the parts that :func:`check` refuses.

    :raises UnauthorizedFileType: if the file is not SVG, is not well formed, declares entities, or is larger than
        4 MiB.
    """
    from py_svg_hush import filter_svg

    content = file.read(_MAX_STRIPPED + 1)
    if len(content) > _MAX_STRIPPED:
        raise _not_taken(f"this SVG is larger than {_MAX_STRIPPED} bytes, the limit for stripping", "is too large")
    _parse(_pieces(content), _DepthCheck())
    try:
        safe = filter_svg(content, {"image": ["png", "jpeg", "gif", "webp", "avif"]})
    except ValueError as error:
        raise _not_taken(f"this SVG cannot be parsed ({error})", "is damaged, or is no SVG") from error
    _parse(_pieces(safe), _ContentCheck())
    return safe


def _pieces(content: bytes) -> Callable[[int], bytes]:
    pieces = iter([content[start : start + _PIECE] for start in range(0, len(content), _PIECE)])
    return lambda size: next(pieces, b"")


def _parse(read: Callable[[int], bytes], handler: ContentHandler) -> None:
    import defusedxml.sax

    parser: Any = defusedxml.sax.make_parser()
    parser.setFeature(feature_namespaces, True)
    # the usual DOCTYPE names a DTD, which expat never fetches
    parser.forbid_external = False
    parser.setContentHandler(handler)
    parser.setProperty(property_lexical_handler, _DoctypeCheck())
    length = 0
    while piece := read(_PIECE):
        length += len(piece)
        if length > _MAX_CHECKED:
            raise _not_taken(f"this SVG is larger than {_MAX_CHECKED} bytes", "is too large")
        _run(parser.feed, piece)
    if not length:
        raise _not_taken("this SVG is empty", "is empty")
    _run(parser.close)


def _run(operation: Callable[..., None], *arguments: bytes) -> None:
    try:
        operation(*arguments)
    except FSError:
        raise
    except Exception as error:
        # of expat, of defusedxml, or of the codec that the XML declaration names
        raise _not_taken(f"this SVG cannot be parsed ({error})", "is damaged, or is no SVG") from error


class _DoctypeCheck(LexicalHandler):
    """Refuses a document type other than SVG."""

    def startDTD(self, name: str, public_id: str | None, system_id: str | None) -> None:  # noqa: N802
        if public_id is not None and not public_id.startswith(_DOCTYPE):
            raise _refused(f"the document type {public_id!r}")


class _DepthCheck(ContentHandler):
    """Refuses a file that becomes too large when each element is indented on its own line, as svg-hush does."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0
        self._indented = 0

    def startElementNS(self, name: Any, qname: Any, attributes: Any) -> None:  # noqa: N802
        self._depth += 1
        self._indented += 4 * self._depth
        if self._indented > _MAX_INDENTED:
            raise _not_taken("the elements of this SVG are nested too deeply", "is too deeply nested")

    def endElementNS(self, name: Any, qname: Any) -> None:  # noqa: N802
        self._depth -= 1


class _ContentCheck(ContentHandler):
    """Refuses content that runs scripts, or makes a browser send requests to other hosts."""

    def __init__(self) -> None:
        super().__init__()
        self._is_root = True
        self._styles: list[str] | None = None

    def startElementNS(self, name: Any, qname: Any, attributes: Any) -> None:  # noqa: N802
        namespace, local = name
        if self._is_root and (namespace, local) != (_SVG, "svg"):
            raise _not_taken("this is XML, but not SVG", "is no SVG")
        self._is_root = False
        if self._styles is not None:
            # a browser reads the text around this element as one style
            raise _refused(f"an element <{local}> inside a style")
        if namespace == _XHTML or local.lower() in _ACTIVE:
            raise _refused(f"an element <{local}>")
        if local.lower() == "style":
            self._styles = []
        for (space, attribute), value in attributes.items():
            _check_attribute(space, attribute.lower(), value)

    def characters(self, content: str) -> None:
        if self._styles is not None:
            self._styles.append(content)

    def endElementNS(self, name: Any, qname: Any) -> None:  # noqa: N802
        if self._styles is not None:
            _check_style("".join(self._styles))
            self._styles = None

    def skippedEntity(self, name: str) -> None:  # noqa: N802
        raise _refused(f"an undeclared entity (&{name};)")

    def processingInstruction(self, target: str, data: str) -> None:  # noqa: N802
        if target.lower().startswith("xml-"):
            raise _refused(f"a processing instruction <?{target}?>")


def _check_attribute(namespace: str | None, name: str, value: str) -> None:
    if namespace is None and name.startswith("on"):
        raise _refused(f"an event handler ({name})")
    if (namespace, name) == (_XML, "base"):
        raise _refused("an attribute xml:base, which redirects its references")
    if namespace in (None, _XLINK) and name in _REFERENCES:
        _check_reference(value)
    if name == "attributename":
        animated = value.strip().lower().rpartition(":")[2]
        if animated.startswith("on") or animated in _REFERENCES or animated == "base":
            raise _refused(f"an animation of the attribute {animated}")
    if "(" in value or "\\" in value:
        _check_style(value)


def _check_reference(value: str) -> None:
    plain = _BLANK.sub("", value).replace("\\", "/").lower()
    if plain.startswith("//") or (_SCHEME.match(plain) and not _INLINE.match(plain)):
        raise _refused(f"a reference to {value.strip()[:60]!r}")


def _check_style(text: str) -> None:
    if "\\" in text:
        text = _ESCAPE.sub(_unescaped, text)
    found = _EXTERNAL.search(text)
    if found:
        raise _refused(f"{found.group()!r} in a style")
    # a browser drops line breaks and tabs anywhere in a URL
    for reference in dict.fromkeys(_URL.findall(_BLANK.sub("", text))):
        _check_reference(reference)


def _unescaped(match: re.Match[str]) -> str:
    # CSS Syntax Level 3, section 4.3.7
    if match.group(1) is None:
        return match.group(2) or ""
    number = int(match.group(1), 16)
    return chr(number) if 0 < number <= 0x10FFFF else "\N{REPLACEMENT CHARACTER}"


def _refused(what: str) -> UnauthorizedFileType:
    return _not_taken(f"this SVG has {what}", "has scripts, or parts of other sites, which are not accepted")


def _not_taken(message: str, reason: str) -> UnauthorizedFileType:
    return UnauthorizedFileType(message, user_message=f"The SVG file {reason}.")
