"""Compound files (OLE2), told apart by the streams in their root storage.

Source: MS-CFB 2.2 (header), 2.3 (FAT), 2.5 (DIFAT), 2.6 (directory entries). The names of the streams are those of
MS-DOC 2.1.1, MS-XLS 2.1.2, MS-PPT 2.1.2 and MS-OFFCRYPTO 2.3.4.4 (a document of Office Open XML with a password).
"""

from __future__ import annotations

from collections.abc import Iterator

from .source import Check, Source

_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LAST_SECTOR = 0xFFFFFFFA
_NO_ENTRY = 0xFFFFFFFF
_ENTRY = 128
_IN_HEADER = 109
_MOST_SECTORS = 1024
_MOST_ENTRIES = 1000


def is_ole(source: Source) -> bool:
    """Tell whether the file is a compound file."""
    return source.at(0, 8) == _MAGIC


def streams(*names: str) -> Check:
    """Return a check for a compound file with one of these streams.

    :param names: in lower case.
    """
    return lambda source: is_ole(source) and any(name in names for name in _Directory(source).names())


class _Directory:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._shift = source.little(30, 2)
        self._chain = [source.little(48, 4)]
        self._tables = [source.little(68, 4)]

    def names(self) -> Iterator[str]:
        """Yield the names in the root storage, in lower case."""
        if self._shift not in (9, 12):
            return
        waiting, seen = [self._link(self._entry(0), 76)], {_NO_ENTRY}
        while waiting and len(seen) < _MOST_ENTRIES:
            number = waiting.pop()
            if number in seen:
                continue
            seen.add(number)
            entry = self._entry(number)
            length = int.from_bytes(entry[64:66], "little")
            yield entry[: min(max(length - 2, 0), 64)].decode("utf-16-le", "replace").lower()
            waiting += [self._link(entry, 68), self._link(entry, 72)]

    def _link(self, entry: bytes, place: int) -> int:
        return int.from_bytes(entry[place : place + 4], "little") if len(entry) == _ENTRY else _NO_ENTRY

    def _entry(self, number: int) -> bytes:
        index, place = divmod(number * _ENTRY, 1 << self._shift)
        if index >= _MOST_SECTORS:
            return b""
        while len(self._chain) <= index:
            self._chain.append(self._next(self._chain[-1]))
        return self._source.at(self._offset(self._chain[index]) + place, _ENTRY)

    def _offset(self, sector: int) -> int:
        # at() returns nothing for what lies behind the end, as the special numbers of sectors do
        return (sector + 1) << self._shift if sector < _LAST_SECTOR else self._source.size

    def _next(self, sector: int) -> int:
        """Return the sector that follows another, as the FAT says."""
        if sector >= _LAST_SECTOR:
            return sector
        index, place = divmod(sector, 1 << self._shift - 2)
        return self._number(self._offset(self._fat_sector(index)) + 4 * place)

    def _fat_sector(self, index: int) -> int:
        if index < _IN_HEADER:
            return self._number(76 + 4 * index)
        # the last number of each sector of the DIFAT is the next such sector
        per_sector = (1 << self._shift - 2) - 1
        table, place = divmod(index - _IN_HEADER, per_sector)
        if table >= _MOST_SECTORS:
            return _LAST_SECTOR
        while len(self._tables) <= table:
            self._tables.append(self._number(self._offset(self._tables[-1]) + 4 * per_sector))
        return self._number(self._offset(self._tables[table]) + 4 * place)

    def _number(self, offset: int) -> int:
        number = self._source.at(offset, 4)
        return int.from_bytes(number, "little") if len(number) == 4 else _LAST_SECTOR


#: Documents of Office Open XML with a password.
is_encrypted: Check = streams("encryptedpackage")
