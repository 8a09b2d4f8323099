"""Any conditions and ranges are answered as a small model of HTTP says, and nothing is an error of the server.

The references are to RFC 9110. Where it leaves the server a choice, the model has several answers.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.http import http_date

FILES = {
    "empty": b"",
    "one": b"\xa7",
    "twenty": b"\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x90\x91\x92\x93\x94\x95\x96\x97\x98\x99",
    "long": bytes(128 + number * 7 % 127 for number in range(5000)),
}

# The model


@dataclass(frozen=True)
class File:
    content: bytes
    etag: str
    modified: datetime


ETAG = r'(?:W/)?"[!#-~\x80-\xff]*"'
ETAGS = re.compile(rf"[ \t,]*{ETAG}(?:[ \t]*,(?:[ \t]*{ETAG})?)*[ \t]*")
DAYS, LONG_DAYS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun", "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
TIME = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
# 5.6.7
DATES = (
    (re.compile(f"({DAYS}), [0-9]{{2}} ({MONTHS}) [0-9]{{4}} {TIME} GMT"), "%a, %d %b %Y %H:%M:%S GMT"),
    (re.compile(f"({LONG_DAYS}), [0-9]{{2}}-({MONTHS})-[0-9]{{2}} {TIME} GMT"), "%A, %d-%b-%y %H:%M:%S GMT"),
    (re.compile(f"({DAYS}) ({MONTHS}) [ 0-9][0-9] {TIME} [0-9]{{4}}"), "%a %b %d %H:%M:%S %Y"),
)
EITHER = {True, False, None}


def any_matches(value, etag, *, strong):
    """Whether a list has the tag, as a set of the answers that are right; None where the field may be ignored."""
    if value == "*":
        return {True}
    if not ETAGS.fullmatch(value):
        # what is no list of tags, or an empty one, means nothing that anybody has written down
        return EITHER
    tags = re.findall(ETAG, value)
    # 8.8.3.2
    return {any((tag if strong else tag.removeprefix("W/")) == etag for tag in tags)}


def date_of(value):
    """Return the time, whether it stands as HTTP wants it, and whether it may be understood at all."""
    for pattern, form in DATES:
        if pattern.fullmatch(value):
            try:
                date = datetime.strptime(value, form).replace(tzinfo=timezone.utc)
            except ValueError:
                break
            # a date with the wrong day of the week is not quite one
            return date, date.strftime(form).replace(" 0", " ") == value.replace("  ", " ").replace(" 0", " ")
    try:
        date = parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError):
        return None, True
    return (date if date.tzinfo else date.replace(tzinfo=timezone.utc)), False


def not_modified_after(value, modified):
    date, certain = date_of(value)
    if date is None:
        return {None}
    return {modified <= date} if certain else EITHER


def conditions(fields, file):
    """The statuses that the conditions may lead to, None where the file is to be sent (13.2.2)."""
    found = any_matches(fields["If-Match"], file.etag, strong=True) if "If-Match" in fields else {None}
    allowed: set[int | None] = set()
    if None in found and "If-Unmodified-Since" in fields:
        found = found - {None} | not_modified_after(fields["If-Unmodified-Since"], file.modified)
    if False in found:
        allowed.add(412)
    if found == {False}:
        return allowed
    known = {None}
    if "If-None-Match" in fields:
        known = any_matches(fields["If-None-Match"], file.etag, strong=False)
    if None in known and "If-Modified-Since" in fields:
        known = known - {None} | not_modified_after(fields["If-Modified-Since"], file.modified)
    if True in known:
        allowed.add(304)
    if known != {True}:
        allowed.add(None)
    return allowed


def is_same_version(value, file):
    """Whether If-Range holds (13.1.5), as a set of the answers that are right."""
    if re.fullmatch(ETAG, value):
        return {value == file.etag}
    date, certain = date_of(value)
    if date is not None:
        # a date is a strong validator only for those who know that nothing was changed twice in a second
        return {False} if certain and date != file.modified else {True, False}
    return {True, False} if not value.strip() or file.etag.strip('"') in value else {False}


def ranges(value, size):
    """The statuses or ranges that a Range field may lead to, None for the whole file (14.2)."""
    unit, equals, specs = value.partition("=")
    if equals and re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", unit) and unit.lower() != "bytes":
        return {None}
    found = {None, 416}
    if re.fullmatch(r"bytes=[ \t,]*(?:[0-9]*-[0-9]*)[ \t,]*", value, re.IGNORECASE):
        found = one_range(specs.strip(" \t,"), size)
        if len(specs) > 1000 or "," in specs:
            # more digits than anybody needs
            found = found | {None}
    elif (bare := re.sub("[ \t]", "", value)) != value and bare.lower().startswith("bytes=") and "," not in bare:
        # spaces at other places are not allowed, and do no harm
        found = found | ranges(bare, size)
    return found


def one_range(spec, size):
    first, _, last = spec.partition("-")
    if not first:
        if not last:
            return {None, 416}
        length = number(last)
        # a range of nothing, or of a file that has nothing, cannot be said in Content-Range
        return {(max(0, size - length), size)} if size and length else {None, 416}
    start = number(first)
    if last and number(last) < start:
        return {None, 416}
    if start >= size:
        return {416} if size else {None, 416}
    return {(start, min(number(last) + 1, size) if last else size)}


def number(digits):
    # int refuses very long ones
    short = digits.lstrip("0") or "0"
    return int(short) if len(short) < 100 else 10**100


def allowed_answers(method, fields, file):
    """The statuses and ranges that may be answered, None for the whole file."""
    allowed = conditions(fields, file)
    if None in allowed and method == "GET" and "Range" in fields:
        same = is_same_version(fields["If-Range"], file) if "If-Range" in fields else {True}
        allowed.discard(None)
        if True in same:
            allowed |= ranges(fields["Range"], len(file.content))
        if False in same:
            allowed.add(None)
    return allowed


# Hostile fields


def as_sent(text):
    # servers show each byte as a character
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


BYTES = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30)
DIGITS = st.one_of(
    st.integers(0, 25).map(str),
    st.sampled_from(["4999", "5000", "5001", "007", "-1", "+1", "1_0", "0x1", "1e3", "1.5", "", " 1", "1\t"]),
    st.sampled_from(["9" * 20, "9" * 4400, "0" * 5000 + "1", "18446744073709551616", "9223372036854775808"]),
    st.sampled_from(["\u0663", "\u09eb", "\u00b2", "\uff11\uff12"]).map(as_sent),
)
SPECS = st.one_of(
    st.builds("{}-{}".format, st.integers(0, 25), st.integers(0, 25)),
    st.builds("{}-".format, st.integers(0, 25)),
    st.builds("-{}".format, st.integers(0, 25)),
    st.builds("{}-{}".format, DIGITS, DIGITS),
    st.sampled_from(["-", "--", "0-0-0", "*", "0", "0-x"]),
)
UNITS = st.sampled_from(["bytes"] * 12 + ["Bytes", "bytes ", " bytes", "byte", "lines", "none", "", "bytes=bytes", "*"])
RANGES = st.one_of(
    st.builds("bytes={}".format, SPECS),
    st.builds("{}={}".format, UNITS, SPECS),
    st.builds(
        lambda unit, specs, comma: f"{unit}={comma.join(specs)}",
        UNITS,
        st.lists(SPECS, max_size=5),
        st.sampled_from([",", ", ", " ,\t", ",,", ";"]),
    ),
    st.builds(lambda spec, count: "bytes=" + ",".join([spec] * count), SPECS, st.sampled_from([2, 3000])),
    st.sampled_from(["bytes=" + ",".join(f"{start}-{start}" for start in range(0, 5000, 2)), "bytes=" + "," * 5000]),
    BYTES,
)
# {} is the tag of the file, {bare} the same without its quotes
TAGS = st.one_of(
    st.sampled_from(
        ["{}"] * 6 + ["W/{}", '"other"', 'W/"other"', '""', "*", "w/{}", "{bare}", '"{bare}', '{bare}"', ""]
    ),
    BYTES.map(lambda text: '"' + text.replace('"', "").replace("{", "").replace("}", "") + '"'),
)
TAG_LISTS = st.one_of(
    TAGS,
    st.lists(TAGS, max_size=4).map(", ".join),
    st.lists(TAGS, max_size=4).map(" ,,\t".join),
    st.sampled_from(['"x", ' * 3000 + "{}", '"x",' * 3000, '"' * 5000, "W/" * 2000, "," * 5000]),
    BYTES.map(lambda text: text.replace("{", "").replace("}", "")),
)
SECONDS = st.one_of(st.integers(-2, 2), st.sampled_from([-86400 * 365, -3600, 3600, 86400 * 365, 86400 * 365 * 20]))
ODD_DATES = [
    "",
    "0",
    "yesterday",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Thu, 01 Jan 0001 00:00:00 GMT",
    "Thu, 01 Jan 0000 00:00:00 GMT",
    "Mon, 32 Jan 2024 00:00:00 GMT",
    "Mon, 30 Feb 2024 00:00:00 GMT",
    "Sat, 31 Dec 2016 23:59:60 GMT",
    "Mon, 01 Jan 2024 25:00:00 GMT",
    "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
    "Mon, 01 Jan 2024 00:00:00 +9999",
    "Mon, 01 Jan 2024 00:00:00 -99999999999999999999",
    "Fri, 31 Dec 9999 23:59:59 -2359",
    "Mon, 01 Jan 0001 00:00:00 +2359",
    "1 Jan 2024",
    "2024-01-01T00:00:00Z",
    as_sent("Mon, \u0660\u0661 Jan 2024 00:00:00 GMT"),
    "Mon, 01 Jan 2024 00:00:00 GMT, Mon, 01 Jan 2024 00:00:00 GMT",
    "Mon, 01 Jan 2024 " + "0" * 5000 + ":00:00 GMT",
    "(" * 2000,
    ", " * 2000,
]


def date_in(form):
    return lambda seconds: lambda file: (file.modified + timedelta(seconds=seconds)).strftime(form)


# each makes a value of the file
DATE_VALUES = st.one_of(
    SECONDS.map(date_in(DATES[0][1])),
    SECONDS.map(date_in(DATES[1][1])),
    SECONDS.map(date_in("%a %b %e %H:%M:%S %Y")),
    SECONDS.map(date_in("%a, %d %b %Y %H:%M:%S +0000")),
    st.sampled_from(ODD_DATES).map(lambda text: lambda file: text),
    BYTES.map(lambda text: lambda file: text),
)


def tag_in(pattern):
    return lambda file: pattern.replace("{bare}", file.etag.strip('"')).replace("{}", file.etag)


VALUES = {
    "Range": RANGES.map(lambda text: lambda file: text),
    "If-Range": st.one_of(TAGS.map(tag_in), DATE_VALUES),
    "If-None-Match": TAG_LISTS.map(tag_in),
    "If-Match": TAG_LISTS.map(tag_in),
    "If-Modified-Since": DATE_VALUES,
    "If-Unmodified-Since": DATE_VALUES,
}
REQUESTS = st.tuples(
    st.sampled_from(["GET", "GET", "GET", "HEAD"]),
    st.sampled_from(sorted(FILES)),
    st.fixed_dictionaries({}, optional=VALUES),
)


@pytest.fixture(params=["local", "memory"])
def served(app, configure_storage, request):
    """A client, and the files as the client knows them."""
    storage = configure_storage("files", {"BACKEND": request.param})
    client = app.test_client()
    files = {}
    for name, content in FILES.items():
        storage.write(name, content)
        with client.head(f"/files/{name}") as response:
            files[name] = File(content, response.headers["ETag"], response.last_modified)
    return client, files


def answer_of(response, body, method, file):
    """Return the status, or what of the file was sent: None for the whole, or a range. It is held against the file."""
    status, headers, size = response.status_code, response.headers, len(file.content)
    if status in (200, 206):
        start, stop = 0, size
        if status == 206:
            found = re.fullmatch(rf"bytes ([0-9]+)-([0-9]+)/{size}", headers["Content-Range"])
            assert found is not None
            start, stop = int(found[1]), int(found[2]) + 1
        assert status == 206 or "Content-Range" not in headers
        assert body == (file.content[start:stop] if method == "GET" else b"")
        assert headers["Content-Length"] == str(stop - start)
        assert headers["Content-Type"] == "application/octet-stream"
        assert headers["Last-Modified"] == http_date(file.modified)
        assert headers["Accept-Ranges"] == "bytes"
        assert headers["ETag"] == file.etag
        return (start, stop) if status == 206 else None
    if status == 304:
        assert body == b""
        assert headers["ETag"] == file.etag
        assert not {"Content-Length", "Content-Range", "Content-Type"} & set(headers.keys())
    elif status == 416:
        assert headers["Content-Range"] == f"bytes */{size}"
    if status in (412, 416):
        assert "ETag" not in headers
        assert body.isascii()
    return status


def hold(client, method, name, file, fields):
    """Hold the answer to a request against the model."""
    environ = {f"HTTP_{field.upper().replace('-', '_')}": value for field, value in fields.items()}
    with client.open(f"/files/{name}", method=method, environ_overrides=environ) as response:
        body = response.data
    assert response.status_code < 500, (response.status_code, fields)
    answered = answer_of(response, body, method, file)
    allowed = allowed_answers(method, fields, file)
    assert answered in allowed, (answered, "not in", allowed, fields)


@pytest.mark.parametrize("field", ["If-Modified-Since", "If-Unmodified-Since", "If-Range"])
@pytest.mark.parametrize("date", ODD_DATES, ids=range(len(ODD_DATES)))
def test_dates_that_no_calendar_has(served, field, date):
    client, files = served
    fields = {field: date, "Range": "bytes=0-4"} if field == "If-Range" else {field: date}
    hold(client, "GET", "twenty", files["twenty"], fields)


def test_every_answer_is_one_that_http_allows(served, soak):
    client, files = served

    @settings(max_examples=10_000 if soak else 80, database=None)
    @given(REQUESTS)
    def check(request):
        method, name, values = request
        hold(client, method, name, files[name], {field: make(files[name]) for field, make in values.items()})

    check()


@pytest.mark.parametrize(
    ("method", "fields", "expected"),
    [
        ("GET", {}, {None}),
        ("GET", {"Range": "bytes=0-4"}, {(0, 5)}),
        ("HEAD", {"Range": "bytes=0-4"}, {None}),
        ("GET", {"Range": "bytes=20-"}, {416}),
        ("GET", {"Range": "bytes=-30"}, {(0, 20)}),
        ("GET", {"Range": "lines=1-2"}, {None}),
        ("GET", {"Range": "bytes=0-4", "If-None-Match": '"tag"'}, {304}),
        ("GET", {"Range": "bytes=0-4", "If-Range": 'W/"tag"'}, {None}),
        ("GET", {"If-None-Match": 'W/"tag"', "If-Modified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"}, {304}),
        ("GET", {"If-None-Match": '"x"', "If-Modified-Since": "Mon, 01 Jan 2035 00:00:00 GMT"}, {None}),
        ("GET", {"If-Modified-Since": "Monday, 01-Jan-35 00:00:00 GMT"}, {304}),
        ("GET", {"If-Modified-Since": "Mon Jan  1 00:00:00 2035"}, {304}),
        ("GET", {"If-Match": 'W/"tag"'}, {412}),
        ("GET", {"If-Match": '"x", "tag"', "If-Unmodified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"}, {None}),
        ("HEAD", {"If-Unmodified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"}, {412}),
        ("GET", {"If-Match": "*", "If-None-Match": "*"}, {304}),
    ],
)
def test_the_model(method, fields, expected):
    file = File(FILES["twenty"], '"tag"', datetime(2024, 1, 1, tzinfo=timezone.utc))
    assert allowed_answers(method, fields, file) == expected


def test_files_of_the_storage_stay(served):
    client, files = served
    for name, file in files.items():
        with client.get(f"/files/{name}") as response:
            assert response.data == file.content == FILES[name]
