"""Texts in the encodings of the world, and the formats that are text."""

import plistlib
import struct

PLIST_DOCTYPE = (
    b'<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">'
)


def biff(number, size, version):
    """Return a sheet of Excel 2 to 5 outside of a compound file: a cell with the number 1."""
    start = struct.pack("<HHHHHH", number, size, version, 0x10, 0, 0)[: 4 + size]
    cell = (
        struct.pack("<HHHH3xd", 0x03, 15, 0, 0, 1.0) if number == 9 else struct.pack("<HHHHHd", 0x203, 14, 0, 0, 0, 1.0)
    )
    return start + cell + struct.pack("<HH", 0x0A, 0)


def made(read):
    """Return the samples by name."""
    pdf = read("text.pdf")
    return {
        "ascii.txt": b"A small text.\n",
        "utf-8.txt": "Grüße, שלום, \N{GRINNING FACE}\n".encode(),
        "bom.txt": "\ufeffGrüße\r\n".encode(),
        "utf-16.txt": "Grüße".encode("utf-16"),
        "utf-16-be.txt": "\ufeffGrüße".encode("utf-16-be"),
        "utf-32.txt": "Grüße".encode("utf-32"),
        "latin-1.txt": "Grüße".encode("latin-1"),
        "cp1251.txt": "Привет, мир".encode("cp1251"),
        "koi8-r.txt": "Привет, мир".encode("koi8-r"),
        "shift-jis.txt": "こんにちは世界".encode("shift-jis"),
        "gb18030.txt": "你好,世界".encode("gb18030"),
        "iso-2022-jp.txt": "こんにちは".encode("iso-2022-jp"),
        "cp437.txt": "┌─┐\r\n│█│\r\n└─┘\x1a".encode("cp437"),
        "cut-in-a-character.txt": b"a" + "ü".encode() * 8192,
        "terminal.log": b"\x1b[31mred\x1b[0m\x07\n",
        "fields.log": b"8=FIX.4.2\x019=5\x0135=0\x01\n",
        "excel.csv": "a\tb\r\n1\t2\r\n".encode("utf-16"),
        "plain.csv": b"a;b\r\n1;2\r\n",
        "plain.ini": b"[section]\nkey = value\n",
        "plain.yaml": b"%YAML 1.2\n---\nkey: value\n",
        "plain.yml": b"- one\n- two\n",
        "object.json": b' {"a": [1, 2]}\n',
        "array.json": b"\xef\xbb\xbf[]",
        "number.json": b"-1.5e3",
        "lines.json": b'{"a": 1}\n{"a": 2}\n',
        "comments.json": b"// of an editor\n{}\n",
        "python.json": b"NaN",
        "plain.xml": b"<a/>",
        "declared.xml": '<?xml version="1.0" encoding="ISO-8859-1"?>\n<!-- > --><a>\xe9</a>'.encode("latin-1"),
        "utf-16.xml": '<?xml version="1.0" encoding="UTF-16"?><a/>'.encode("utf-16"),
        "doctype.xml": b'<!DOCTYPE a [<!ENTITY b "<c>">]>\n<x:a xmlns:x="urn:x"/>',
        "xml.plist": plistlib.dumps({"a": [1, b"2"]}),
        "old-xml.plist": b'<?xml version="1.0" encoding="UTF-8"?>\n' + PLIST_DOCTYPE + b'\n<plist version="1.0"/>',
        "binary.plist": plistlib.dumps({"a": 1}, fmt=plistlib.FMT_BINARY),
        "next.plist": b"{ key = value; list = (1, 2); }\n",
        "plain.js": b"// \xc3\xbc\nexport default 1;\n",
        "plain.php": b"<?php echo 1;",
        "plain.pl": b"#!/usr/bin/perl -w\nprint 1;\n",
        "plain.py": b"# -*- coding: latin-1 -*-\n'\xe9'\n",
        "plain.rb": b"puts 1\n",
        "plain.sh": b"#!/bin/sh\necho 1\n",
        "plain.bat": b"@echo off\r\necho \x84\r\n",
        "plain.html": b"<!doctype html><p>a",
        "plain.md": b"# A\n",
        "typescript.ts": b"export const a: number = 1;\n",
        "bom.pdf": b"\xef\xbb\xbf" + pdf,
        "blank-lines.pdf": b"\r\n\r\n" + pdf,
        "mail.pdf": b"Content-Type: application/pdf\r\n\r\n" + pdf,
        "printer.pdf": b"\x1b%-12345X@PJL ENTER LANGUAGE=PDF\r\n" + pdf,
        "postscript.pdf": b"%!PS-Adobe-3.0 PDF-1.4\n" + pdf[9:],
        "biff2.xls": biff(0x0009, 4, 0x0002),
        "biff3.xls": biff(0x0209, 6, 0x0003),
        "biff4.xls": biff(0x0409, 6, 0x0004),
        "biff5.xls": biff(0x0809, 8, 0x0500),
    }
