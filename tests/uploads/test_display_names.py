"""What is kept of the name that a client gives its file, and what a browser saves it as."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.http import parse_options_header

from flask_pyfs.display_names import MAX_BYTES, attachment, display_name, name_in, saved_name


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Bericht 2026.pdf", "Bericht 2026.pdf"),
        ("🎉.png", "🎉.png"),
        ("हिन्दी.txt", "हिन्दी.txt"),
        ("C:\\Users\\me\\plan.txt", "plan.txt"),
        ("/home/me/plan.txt", "plan.txt"),
        ("папка/a.txt", "a.txt"),
        ("a\\b/c\\d.txt", "d.txt"),
        ("cafe\u0301.txt", "café.txt"),
        ("in\x00voi\r\nce\x7f\x85.txt", "invoice.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\u2066b\u2069\u2028\u2029.txt", "ab.txt"),
        ("\ud800a.txt", "a.txt"),
        ("👨\u200d👩\u200d👧.png", "👨\u200d👩\u200d👧.png"),
        ("  a.txt \t", "a.txt"),
        ('q".txt', 'q".txt'),
        (".htaccess", ".htaccess"),
        ("", None),
        (None, None),
        ("..", None),
        ("a/..", None),
        ("dir/", None),
        ("\r\n", None),
        ("a" * 300 + ".pdf", "a" * 251 + ".pdf"),
        ("é" * 200 + ".pdf", "é" * 125 + ".pdf"),
        ("日" * 200, "日" * 85),
        ("a." + "b" * 300, "a." + "b" * 253),
    ],
)
def test_the_client_s_own_name(sent, kept):
    assert display_name(sent) == kept


def test_a_name_of_a_million_marks_takes_no_time():
    # to normalize all of them takes an hour
    assert display_name("dir/a" + "\u0301\u0323" * 500_000 + ".txt").endswith(".txt")


@given(st.text(st.characters(codec=None)))
def test_any_name(sent):
    kept = display_name(sent)
    if kept is not None:
        assert 0 < len(kept.encode()) <= MAX_BYTES
        assert not re.search("[\x00-\x1f\x7f-\x9f/\\\\\u202a-\u202e\u2066-\u2069]", kept)
        assert display_name(kept) in (kept, kept.strip())


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.txt", "attachment; filename=a.txt"),
        ("dir/a b.txt", 'attachment; filename="a b.txt"'),
        ("100%.txt", "attachment; filename=100%.txt"),
        ("50%41.txt", "attachment; filename=50_41.txt; filename*=UTF-8''50%2541.txt"),
        ("%e2%82%ac.txt", "attachment; filename=_e2_82_ac.txt; filename*=UTF-8''%25e2%2582%25ac.txt"),
        ("%4.txt", "attachment; filename=%4.txt"),
        ("\uff0541.txt", "attachment; filename=_41.txt; filename*=UTF-8''%EF%BC%8541.txt"),
        ("a;b=c.txt", 'attachment; filename="a;b=c.txt"'),
        ("it's.txt", "attachment; filename=it's.txt"),
        ('q".txt', "attachment; filename=q_.txt; filename*=UTF-8''q%22.txt"),
        ("\uff02.txt", "attachment; filename=_.txt; filename*=UTF-8''%EF%BC%82.txt"),
        ("a\\b.txt", "attachment; filename=a_b.txt"),
        ("a\r\nb.txt", "attachment; filename=a__b.txt"),
        ("a\u202eb.txt", "attachment; filename=a_b.txt"),
        ("℀.txt", "attachment; filename=a_c.txt; filename*=UTF-8''%E2%84%80.txt"),
        ("é.txt", "attachment; filename=e.txt; filename*=UTF-8''%C3%A9.txt"),
        ("日本.txt", "attachment; filename=download.txt; filename*=UTF-8''%E6%97%A5%E6%9C%AC.txt"),
        ("a; filename*=UTF-8''b.exe", "attachment; filename=\"a; filename*=UTF-8''b.exe\""),
        (".\uff0e", "attachment; filename=download; filename*=UTF-8''.%EF%BC%8E"),
        ("日本", "attachment; filename=download; filename*=UTF-8''%E6%97%A5%E6%9C%AC"),
    ],
)
def test_the_header(name, header):
    assert attachment(name) == header
    assert attachment(name_in(header)) == header


@given(st.text(min_size=1).filter(lambda name: not name.endswith("/")))
def test_any_header(name):
    header = attachment(name)
    assert header.isascii()
    assert header.isprintable()
    plain = re.fullmatch(r'attachment; filename=("[^"\\]+"|[^"\\ ;]+)(; filename\*=UTF-8\'\'[^ ;"]*)?', header)
    assert plain is not None
    assert not re.search("%[0-9a-fA-F]{2}", plain[1])
    # what another parser reads is what was put in
    assert name_in(header) == parse_options_header(header)[1]["filename"]


@pytest.mark.parametrize(
    ("asked", "stored", "saved"),
    [
        ("1", "dir/a.txt", "a.txt"),
        ("Bericht 2026.pdf", "x/1.pdf", "Bericht 2026.pdf"),
        ("Bericht.PDF", "1.pdf", "Bericht.PDF"),
        ("evil.exe", "a.txt", "evil.exe.txt"),
        ("evil.exe", "a.TXT", "evil.exe.txt"),
        ("evil.exe ", "a.txt", "evil.exe.txt"),
        ("evil.txt.", "a.txt", "evil.txt"),
        ("evil.exe", "README", "README"),
        ("evil.exe.", "README", "README"),
        ("evil\u2024exe", "README", "README"),
        ("evil.\uff45\uff58\uff45", "README", "README"),
        ("evil\uff0eexe\uff0e", "README", "README"),
        ("\u2024exe", "README", "README"),
        (".bashrc", "README", "README"),
        (".txt", "a.txt", ".txt.txt"),
        ("evil.\uff54\uff58\uff54", "a.txt", "evil.\uff54\uff58\uff54.txt"),
        ("Read me", "README", "Read me"),
        ("evil.exe:.txt", "a.txt", "evil.exe_.txt"),
        ("evil.exe\x00.txt", "a.txt", "evil.exe.txt"),
        ("../../a/b.txt", "a.txt", "b.txt"),
        ("..", "a.txt", "a.txt"),
        ("\r\nSet-Cookie: a=b", "a.txt", "Set-Cookie_ a=b.txt"),
        ("...", "a.txt", "a.txt"),
        ("true", "a.txt", "true.txt"),
        ("x" * 300, "a.txt", "x" * 251 + ".txt"),
    ],
)
def test_a_name_from_the_query_keeps_the_type_of_the_file(asked, stored, saved):
    assert saved_name(asked, stored, trusted=False) == saved


@given(st.text() | st.text("\uff0e\u2024.ex\u0301 "), st.sampled_from(["a.txt", "a.tar.gz", "README", "b/c.PNG"]))
def test_no_name_from_the_query_changes_the_extension(asked, stored):
    saved = saved_name(asked, stored, trusted=False)
    own = stored.rpartition("/")[2]
    ending = own.rpartition(".")[2].lower() if "." in own else ""
    # and not that of clients which only read this parameter
    for name in (saved, attachment(saved).partition("=")[2].partition("; filename*")[0].strip('"')):
        bare = name.rstrip(". ").lower()
        assert bare.endswith(f".{ending}") if ending else "." not in bare


@pytest.mark.parametrize(
    ("asked", "saved"),
    [("report.pdf", "report.pdf"), ("Bericht", "Bericht"), ("1", "a.txt"), ("../x.exe", "x.exe"), ("\n", "a.txt")],
)
def test_the_app_may_give_any_name(asked, saved):
    assert saved_name(asked, "dir/a.txt", trusted=True) == saved
