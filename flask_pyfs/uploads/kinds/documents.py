"""PDF, old sheets of Excel, and the binary documents of Office.

Sources: ISO 32000-1, 7.5.2, and Annex H of PDF Reference 1.7 (note 13: viewers look for the header in the first 1,024
bytes; note 14: that of PostScript); OpenOffice.org's documentation of the Excel file format, 5.8 (BOF).
"""

from __future__ import annotations

import re

from .ole import streams
from .source import Check, Source, any_of, starts

_PDF = re.compile(rb"%PDF-[0-9]|%!PS-Adobe-[0-9]\.[0-9] PDF-")
_SEARCHED = 1024

# what holds a header of PDF as well, but is another file to whoever opens it
_OTHERS = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*<|PK|\xff\xd8\xff|\x89PNG|GIF8|RIFF|MZ|\x7fELF|BM|II[*+]\0|MM\0[*+]|OggS|ID3|\{\\rtf|#!|\xd0\xcf"
)

# streams of BIFF 2 to 5 outside of a compound file: the size of the first record, by its number
_BIFF = {0x0009: (4, 6), 0x0209: (6,), 0x0409: (6,), 0x0809: (8,)}
_BIFF_CONTENTS = (0x0005, 0x0006, 0x0010, 0x0020, 0x0040, 0x0100)


def is_pdf(source: Source) -> bool:
    """Tell whether the file is PDF. A byte order mark, or headers of a mail, may come before it."""
    head = source.at(0, _SEARCHED + 8)
    found = _PDF.search(head, 0, _SEARCHED + 8)
    return found is not None and (not found.start() or not _OTHERS.match(head))


def _is_old_excel(source: Source) -> bool:
    number, size, contents = source.little(0, 2), source.little(2, 2), source.little(6, 2)
    return size in _BIFF.get(number, ()) and contents in _BIFF_CONTENTS


is_rtf: Check = starts(b"{\\rtf")

#: Word 6 and later, and RTF, which AbiWord and others write under this name.
is_doc: Check = any_of(streams("worddocument"), is_rtf)

#: Excel 2 and later.
is_xls: Check = any_of(streams("workbook", "book"), _is_old_excel)

#: PowerPoint 4 and later.
is_ppt: Check = streams("powerpoint document", "pp97_dualstorage", "pp40")
