# ruff: noqa: RUF001
"""The names that clients send, made safe: tables, and what holds for every name."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.utils import secure_filename

from flask_pyfs import files, names
from flask_pyfs.uploads import client_name
from flask_pyfs.uploads.naming import MAX_BYTES

# by kind, what a client may send and what it becomes
TABLE = {
    "plain": {"plan.txt": "plan.txt", "My Photo.JPG": "My_Photo.jpg", "README": "README", "A.TAR.GZ": "A.TAR.gz"},
    "directories": {
        "../../etc/passwd": "passwd",
        "..\\..\\boot.ini": "boot.ini",
        "C:\\Users\\me\\plan.txt": "plan.txt",
        "C:plan.txt": "Cplan.txt",
        "folder/a.txt": "a.txt",
        "папка/a.txt": "a.txt",
        "папка\\фото.jpg": "фото.jpg",
        "a/b\\c/d.txt": "d.txt",
        "folder/": "folder",
        "a.txt/\\/": "a.txt",
    },
    "symbols alone": {
        "🎉.png": "file.png",
        "!!!.jpg": "file.jpg",
        "€.txt": "file.txt",
        " .jpg": "file.jpg",
        "_.jpg": "file.jpg",
        "🎉.tar.gz": "file.tar.gz",
        ".🎉.jpg": "file.jpg",
        "🎉.JPG": "file.jpg",
        "🎉.jpg.": "file.jpg",
        "👩‍👩‍👧.png": "file.png",
        "❤️.png": "file.png",
        "½.txt": "file.txt",
        "\x01\x02.txt": "file.txt",
        "\ud800.png": "file.png",
        "папка/🎉.png": "file.png",
    },
    "symbols among letters": {
        "🎉party🎉.png": "party.png",
        "1️⃣.png": "1.png",
        "Ann's photo.png": "Anns_photo.png",
        "Ann’s photo.png": "Anns_photo.png",
        "2024–2025.txt": "2024-2025.txt",
        "отчёт (1).txt": "отчёт_1.txt",
        "報告／計画.txt": "報告_計画.txt",
        "日本\u3000語.txt": "日本_語.txt",
        "a.jp🎉g": "a.jpg",
        "a.php.🎉": "a.php",
        "a\x00b.txt": "ab.txt",
        "a\ud800b.txt": "ab.txt",
    },
    "no extension": {".htaccess": "htaccess", ".png": "png", "...jpg": "jpg", "a.": "a", "a..": "a", "a.🎉": "a"},
    "nothing": dict.fromkeys(["", ".", "..", "...", "/", "🎉", "___", "．．／", "\u202e", "\u0301", "a/..", "!."], ""),
    "ends": {
        "a.txt.": "a.txt",
        "a.txt ": "a.txt",
        "a.txt . .": "a.txt",
        " a.txt": "a.txt",
        ".hidden.txt": "hidden.txt",
    },
    "Windows": {
        "con.txt": "_con.txt",
        "NUL": "_NUL",
        "nul.tar.gz": "_nul.tar.gz",
        "LPT1.txt": "_LPT1.txt",
        "COM¹.txt": "_COM1.txt",
        "ｃｏｎ.файл": "_ｃｏｎ.файл",
        "console.txt": "console.txt",
        "a.con": "a.con",
        "a:b?.txt": "ab.txt",
    },
    "unseen": {
        "photo\u202egnp.exe": "photognp.exe",
        "a\u200bb.txt": "ab.txt",
        "a\u200cb.txt": "ab.txt",
        "a.t\u00adxt": "a.txt",
        "ㅤ.txt": "file.txt",
        "葛\U000e0100城.txt": "葛城.txt",
    },
    "compatible": {
        "Ａ.txt": "A.txt",
        "ж．．／ж.txt": "ж_ж.txt",
        "⒈.txt": "file.txt",
        "ж⒈php.txt": "жphp.txt",
        "m².txt": "m2.txt",
        "ﬁle.txt": "file.txt",
    },
    "Latin": {"café.txt": "cafe.txt", "cafe\u0301.txt": "cafe.txt", "Größe.txt": "Größe.txt", "İ.TXT": "I.txt"},
    "scripts": {
        "фото.JPG": "фото.jpg",
        "фото.ТХТ": "фото.тхт",
        "и\u0306.txt": "й.txt",
        "हिन्दी.txt": "हिन्दी.txt",
        "বাংলা.txt": "বাংলা.txt",
        "தமிழ்.txt": "தமிழ்.txt",
        "ภาษาไทย ที่นี่.txt": "ภาษาไทย_ที่นี่.txt",
        "မြန်မာ.txt": "မြန်မာ.txt",
        "עִבְרִית.txt": "עִבְרִית.txt",
        "צה״ל.txt": "צה״ל.txt",
        "العَرَبِيَّة.txt": "العَرَبِيَّة.txt",
        "می\u200cخواهم.txt": "می\u200cخواهم.txt",
        "क्\u200dष.txt": "क्\u200dष.txt",
        "ක්\u200dෂ.txt": "ක්\u200dෂ.txt",
        "བོད་སྐད.txt": "བོད་སྐད.txt",
        "ジョン・スミス.txt": "ジョン・スミス.txt",
        "ガギ.txt": "ガギ.txt",
        "한국어.txt": "한국어.txt",
        unicodedata.normalize("NFD", "한국어.txt"): "한국어.txt",
        "٢٠٢٦.pdf": "٢٠٢٦.pdf",
        "𞤀𞤣𞤤𞤢𞤥.txt": "𞤀𞤣𞤤𞤢𞤥.txt",
    },
}


@pytest.mark.parametrize(
    ("given", "name"), [pytest.param(*row, id=ascii(row[0])) for rows in TABLE.values() for row in rows.items()]
)
def test_table(given, name):
    assert client_name(given) == name


SOME = st.text(st.sampled_from("aZ9éфिहनी्日🎉½⒈．／ \u200c\u200d\u0301\u202e.._-/\\\0!\ud800ⅷᴬİſ\u212a·་"))
ANY = SOME | st.text() | st.builds(lambda stem, ext: f"{stem}.{ext}", SOME, SOME)
LONG = st.builds(
    lambda stem, times, end: stem * times + end, st.text(min_size=1, max_size=6), st.integers(20, 300), SOME
)


@given(ANY | LONG)
@example("é" * 150 + "ф.txt")
@example("ⅷ" * 66 + "ф" * 40)
@example("x.PNGᴬ")
@example("con." + "x" * 300)
@example("ф\u200c" * 200)
def test_any_name_is_safe(given):
    name = client_name(given)
    assert client_name(name) == name
    assert len(name.encode()) <= MAX_BYTES
    assert unicodedata.is_normalized("NFC", name)
    assert not re.search(r"[\s/\\\0]", name)
    assert name == name.strip(". ")
    assert files.lower_extension(name) == name
    if name:
        assert names.uploaded(name) == name == names.normalize(name)
        # nor does any part of it become a separator or a dot for what takes compatible characters for the same
        assert unicodedata.normalize("NFKC", name).count(".") == name.count(".")
        assert not re.search(r"[\s/\\]", unicodedata.normalize("NFKC", name))
    last = given.replace("\\", "/").rstrip("/").rpartition("/")[2]
    if any(character.isascii() and character.isalnum() for character in last):
        assert name


WORDS = st.text(st.sampled_from("abcZ09éфш日한"), min_size=1, max_size=20)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\\"), max_size=40), WORDS)
@example("🎉", "png")
@example("\0", "tar.gz")
def test_the_extension_stays(stem, ext):
    given = f"{stem}.{ext}"
    seen = files.extension(unicodedata.normalize("NFC", given))
    stored = files.extension(client_name(given))
    # of Latin letters, only the ASCII ones may be left
    forms = {seen, unicodedata.normalize("NFKD", seen).encode("ascii", "ignore").decode()}
    assert stored in {unicodedata.normalize("NFC", form) for form in forms}


def is_different_on_purpose(given):
    head = given.partition(".")[0]
    last = secure_filename(given)
    return (
        # the last component
        "/" in given
        or "\\" in given
        # only the extension has usable characters
        or (files.extension(given.rstrip(". ")) and (not re.search(r"[A-Za-z0-9\-]", head)))
        # devices of Windows
        or re.match(r"(con|prn|aux|nul|(com|lpt)[0-9])(\.|$)", last, re.IGNORECASE)
        or len(last) > MAX_BYTES
    )


@given(st.text(st.characters(max_codepoint=127)) | st.text(st.sampled_from("aB1._- !'(\n\t\0")))
def test_an_ascii_name_is_that_of_werkzeug(given):
    if not is_different_on_purpose(given):
        assert client_name(given) == files.lower_extension(secure_filename(given))


LETTERS = ["x", "ф", "日", "𞤀", "हि", "न्दी", "ที่", "क्\u200dष", "e\u0323\u0301ф"]


@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize("ext", [".jpg", ".tar.gz", "", ".текст"])
@pytest.mark.parametrize("start", range(4))
def test_a_long_name_is_cut_between_letters(letter, ext, start):
    stem = "x" * start + unicodedata.normalize("NFC", letter) * 240
    name = client_name(stem + ext)
    assert MAX_BYTES - 24 < len(name.encode()) <= MAX_BYTES
    assert name.endswith(ext)
    cut = name.removesuffix(ext)
    assert stem.startswith(cut)
    behind = stem[len(cut)]
    assert unicodedata.category(behind)[0] not in "MC"
    assert unicodedata.combining(cut[-1]) != 9


def test_what_is_too_long_for_an_extension_is_cut_too():
    assert client_name("a." + "x" * 400) == "a." + "x" * 198
    assert client_name("क" + "ि" * 200) == "क" + "ि" * 65


def test_a_name_as_long_as_a_form_may_be():
    # to normalize it as a whole would take minutes
    assert client_name("x" + "\u0301\u0316" * 250_000 + ".PNG") == "x.png"
    assert client_name("фото" + "ф\u0301\u0316" * 250_000 + ".PNG").endswith(".png")
