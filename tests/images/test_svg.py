"""SVG that could run or reach out is refused, or stripped of it."""

import io
import time
from contextlib import suppress
from xml.etree import ElementTree

import pytest

from flask_pyfs import UnauthorizedFileType
from flask_pyfs.uploads import svg

NS = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'

EVIL = "http://evil.example/x"
XHTML_DOCTYPE = '<!DOCTYPE svg PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x.dtd">'
BOX = 'width="9" height="9"'

HARMLESS = {
    "empty": f"<svg {NS}/>",
    "declared": f'<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n<!-- made by hand -->\n<svg {NS}/>',
    "doctype": '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
    f"<svg {NS}/>",
    "shapes": f'<svg {NS} viewBox="0 0 9 9"><defs><linearGradient id="a"/></defs><g fill="url(#a)"><path d="M0 0"/></g>'
    "</svg>",
    "old doctype": f'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 20010904//EN" "svg10.dtd"><svg {NS}/>',
    "quoted": f"<svg {NS}><rect style=\"fill:url('#a');stroke:red\"/></svg>",
    "style": f"<svg {NS}><style><![CDATA[.a > .b {{ fill: url(#x) }}]]></style></svg>",
    "two styles": f"<svg {NS}><style>.a{{fill:url(#x)}}</style><g/><style>.b{{fill:url( '#y' )}}/* @ */</style></svg>",
    "use": f'<svg {NS}><use xlink:href="#a"/><use href="#b"/><use href="other.svg#b"/></svg>',
    "raster": f'<svg {NS}><image href="data:image/png;base64,iVBORw0KGgo="/></svg>',
    "editor": f'<svg {NS} xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape" inkscape:on="1">'
    '<metadata>me</metadata><g inkscape:label="on" data-on="x"/></svg>',
    "words": f"<svg {NS}><title>javascript: script onload= url(http://x) &amp; &lt;script&gt;</title></svg>",
    "prefixed": '<s:svg xmlns:s="http://www.w3.org/2000/svg"><s:rect/></s:svg>',
    "animated": f'<svg {NS}><animate attributeName="opacity" values="0;1"/></svg>',
    "utf16": f'<?xml version="1.0" encoding="UTF-16"?><svg {NS}/>'.encode("utf-16"),
    "latin1": f'<?xml version="1.0" encoding="ISO-8859-1"?><svg {NS}><text>é</text></svg>'.encode("latin-1"),
}


HOSTILE = {
    "script": f"<svg {NS}><script>alert(1)</script></svg>",
    "script elsewhere": f'<svg {NS}><script href="//evil.example/x.js"/></svg>',
    "script in a prefix": f'<svg {NS} xmlns:s="http://www.w3.org/2000/svg"><s:script>alert(1)</s:script></svg>',
    "script of HTML": f'<svg {NS} xmlns:h="http://www.w3.org/1999/xhtml"><h:script>alert(1)</h:script></svg>',
    "image of HTML": f'<svg {NS} xmlns:h="http://www.w3.org/1999/xhtml"><h:img src="x" onerror="alert(1)"/></svg>',
    "script in UTF-16": f'<?xml version="1.0" encoding="UTF-16"?><svg {NS}><script/></svg>'.encode("utf-16"),
    "event": f'<svg {NS} onload="alert(1)"/>',
    "event in capitals": f'<svg {NS}><rect ONCLICK="alert(1)"/></svg>',
    "event by a default": f'<!DOCTYPE svg [<!ATTLIST svg onload CDATA "alert(1)">]><svg {NS}/>',
    "foreign object": f'<svg {NS}><foreignObject><b xmlns="http://www.w3.org/1999/xhtml"/></foreignObject></svg>',
    "javascript": f'<svg {NS}><a href="javascript:alert(1)"><text>x</text></a></svg>',
    "javascript in pieces": f'<svg {NS}><a xlink:href=" java&#10;script&#58;alert(1)"/></svg>',
    "link": f'<svg {NS}><a href="https://evil.example/">x</a></svg>',
    "image elsewhere": f'<svg {NS}><image href="http://evil.example/x.png"/></svg>',
    "without a scheme": f'<svg {NS}><image xlink:href="//evil.example/x.png"/></svg>',
    "backslashes": f'<svg {NS}><image href="\\\\evil.example/x.png"/></svg>',
    "file": f'<svg {NS}><image href="file:///etc/passwd"/></svg>',
    "SVG in a URL": f'<svg {NS}><use href="data:image/svg+xml,%3Csvg/%3E#a"/></svg>',
    "HTML in a URL": f'<svg {NS}><image href="data:text/html,x"/></svg>',
    "filter": f'<svg {NS}><filter><feImage href="https://evil.example/x"/></filter></svg>',
    "fill": f'<svg {NS}><rect fill="url(https://evil.example/x#a)"/></svg>',
    "style attribute": f"<svg {NS}><rect style=\"fill: URL( 'https://evil.example/x' )\"/></svg>",
    "style": f"<svg {NS}><style>a{{background:url(//evil.example/x)}}</style></svg>",
    "import": f'<svg {NS}><style>@import "https://evil.example/x.css";</style></svg>',
    "escaped import": f'<svg {NS}><style>@\\69mport "https://evil.example/x.css";</style></svg>',
    "escaped url": f"<svg {NS}><style>a{{b:\\75 rl(//evil.example/x)}}</style></svg>",
    "style in CDATA": f'<svg {NS}><style>@im<![CDATA[port "//evil.example/x";]]></style></svg>',
    "import around an element": f'<svg {NS}><style>@imp<x>zzz</x>ort "{EVIL}";</style></svg>',
    "import before a style": f'<svg {NS}><style>@import "{EVIL}";<style>x</style></style></svg>',
    "import with a long escape": f'<svg {NS}><style>@\\69&#13;&#10;mport "{EVIL}";</style></svg>',
    "url with a long escape": f'<svg {NS}><rect {BOX} mask="u\\72&#13;&#10;l({EVIL}#a)"/></svg>',
    "url after a comment": f'<svg {NS}><style>/* url(#a */ .a{{mask:url({EVIL})}}</style><rect {BOX} class="a"/></svg>',
    "url of many blanks": f"<svg {NS}><rect {BOX} style=\"mask:url('/{'&#9;' * 300}/evil.example/x')\"/></svg>",
    "entity of XHTML": f'{XHTML_DOCTYPE}<svg {NS}><image {BOX} href="http&colon;{EVIL[5:]}"/></svg>',
    "parenthesis of XHTML": f'{XHTML_DOCTYPE}<svg {NS}><rect {BOX} style="mask:url&lpar;{EVIL}#a)"/></svg>',
    "animated mask": f'<svg {NS}><rect {BOX}><set attributeName="mask" to="url({EVIL}#a)"/></rect></svg>',
    "animated link": f'<svg {NS}><a><animate attributeName="href" to="javascript:alert(1)"/></a></svg>',
    "animated old link": f'<svg {NS}><a><set attributeName="xlink:href" to="javascript:alert(1)"/></a></svg>',
    "animated event": f'<svg {NS}><set attributeName="onload" to="alert(1)"/></svg>',
    "base": f'<svg {NS} xml:base="https://evil.example/"><use href="x#a"/></svg>',
    "style sheet": f'<?xml-stylesheet href="https://evil.example/x.xsl" type="text/xsl"?><svg {NS}/>',
}

# svg-hush leaves out the prefix of the root element, and does not read other documents
NOT_STRIPPED = ["prefixed", "entity of XHTML", "parenthesis of XHTML"]

UNREADABLE = {
    "entity": f'<!DOCTYPE svg [<!ENTITY x "y">]><svg {NS}><text>&x;</text></svg>',
    "external entity": f'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg {NS}><text>&x;</text></svg>',
    "parameter entity": f'<!DOCTYPE svg [<!ENTITY % x SYSTEM "http://evil.example/x"> %x;]><svg {NS}/>',
    "laughs": '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {y} "{f"&{x};" * 10}">' for x, y in zip("abcdefgh", "bcdefghi", strict=True))
    + f"]><svg {NS}><text>&i;</text></svg>",
    "nothing": "",
    "no XML": "GIF89a",
    "HTML": "<!DOCTYPE html><html><body><svg/></body></html>",
    "XHTML": '<html xmlns="http://www.w3.org/1999/xhtml"/>',
    "no namespace": "<svg/>",
    "entity of a DTD": f'<!DOCTYPE svg SYSTEM "x.dtd"><svg {NS}><text>&x;</text></svg>',
    "cut off": f"<svg {NS}><g>",
    "two roots": f"<svg {NS}/><svg {NS}/>",
    "NUL": f"<svg {NS}>\0</svg>",
    "unknown encoding": f'<?xml version="1.0" encoding="utf-7"?><svg {NS}/>',
    "wrong encoding": f"<svg {NS}>".encode() + b"\xff\xfe</svg>",
}


def as_file(text):
    return io.BytesIO(text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize("case", HARMLESS)
def test_harmless_is_taken(case):
    svg.check(as_file(HARMLESS[case]))


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_is_refused(case):
    with pytest.raises(UnauthorizedFileType):
        svg.check(as_file(HOSTILE[case]))


@pytest.mark.parametrize("case", UNREADABLE)
def test_unreadable_is_refused(case):
    with pytest.raises(UnauthorizedFileType):
        svg.check(as_file(UNREADABLE[case]))
    with pytest.raises(UnauthorizedFileType):
        svg.strip(as_file(UNREADABLE[case]))


@pytest.mark.parametrize("case", [*HOSTILE, *HARMLESS])
def test_stripped_is_harmless(case):
    try:
        stripped = svg.strip(as_file({**HOSTILE, **HARMLESS}[case]))
    except UnauthorizedFileType:
        assert case in NOT_STRIPPED
        return
    svg.check(io.BytesIO(stripped))
    assert ElementTree.fromstring(stripped).tag == "{http://www.w3.org/2000/svg}svg"
    assert b"alert" not in stripped or b"attributeName" not in stripped


@pytest.mark.parametrize("encoding", ["iso-8859-1", "utf-16", "utf-8"])
def test_stripped_is_utf_8(encoding):
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?><svg xmlns="http://www.w3.org/2000/svg"><text>Größe</text></svg>'
    )
    assert "<text>Größe</text>" in svg.strip(io.BytesIO(text.encode(encoding))).decode()


def test_stripping_keeps_what_is_seen():
    stripped = svg.strip(as_file(f'<svg {NS} onload="x"><rect width="3" fill="red"/><script>x</script></svg>'))
    root = ElementTree.fromstring(stripped)
    assert [(child.tag.rpartition("}")[2], child.attrib) for child in root] == [("rect", {"width": "3", "fill": "red"})]


@pytest.mark.parametrize("depth", [5_000, 100_000])
def test_depth_does_not_fill_the_memory(depth):
    content = f"<svg {NS}>{'<g>' * depth}{'</g>' * depth}</svg>"
    svg.check(as_file(content))
    with pytest.raises(UnauthorizedFileType):
        svg.strip(as_file(content))


def test_large_is_refused():
    large = f"<svg {NS}>{' ' * 9 * 1024 * 1024}</svg>"
    with pytest.raises(UnauthorizedFileType, match="larger"):
        svg.check(as_file(large))
    with pytest.raises(UnauthorizedFileType, match="larger"):
        svg.strip(as_file(large))


@pytest.mark.parametrize("body", ["<rect/>", "url(", "\\", "@", "behavior ", '<g a="" b="" c=""/>'])
def test_the_worst_of_one_megabyte_takes_seconds_at_most(body):
    content = as_file(f"<svg {NS}><style>{body * (1024 * 1024 // len(body))}</style></svg>")
    start = time.process_time()
    with suppress(UnauthorizedFileType):
        svg.check(content)
    assert time.process_time() - start < 5
