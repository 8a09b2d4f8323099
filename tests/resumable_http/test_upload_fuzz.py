"""Any fields of any request: never a 500, and never a file that was not sent."""

import itertools
from collections import Counter

from hypothesis import example, given, settings
from hypothesis import strategies as st
from uploading import OFFSET_TYPE, PART_TYPE, encoded

NUMBERS = st.one_of(
    st.integers(-2, 12).map(str), st.sampled_from(["", "9" * 20, "100001", "1.0", "0x1", "+1", "1;a=b", "1, 1", "\xb2"])
)
JUNK = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=12)
BOOLEANS = st.sampled_from(["?0", "?1", "?1;a", "?2", "1", "", "?0, ?1"])
BASE64 = st.one_of(st.binary(max_size=20).map(encoded), JUNK)
FIELDS = {
    "Tus-Resumable": st.sampled_from(["1.0.0", "1.0.0", "1.0.0", "0.2.2", ""]),
    "Upload-Offset": NUMBERS,
    "Upload-Length": NUMBERS,
    "Upload-Complete": BOOLEANS,
    "Upload-Defer-Length": st.sampled_from(["1", "0", ""]),
    "Upload-Metadata": st.one_of(
        st.lists(st.tuples(st.sampled_from(["filename", "a", ""]), BASE64)).map(
            lambda pairs: ",".join(f"{key} {value}" for key, value in pairs)
        ),
        JUNK,
    ),
    "Upload-Checksum": st.one_of(
        st.tuples(st.sampled_from(["sha1", "md5", "sha256", "crc32", "SHA1"]), BASE64).map(" ".join), JUNK
    ),
    "Upload-Concat": st.sampled_from(["partial", "final;/a"]),
    "Upload-Draft-Interop-Version": NUMBERS,
    "Content-Digest": st.one_of(
        st.tuples(st.sampled_from(["sha-256", "sha-512", "md5"]), BASE64).map(lambda pair: f"{pair[0]}=:{pair[1]}:"),
        JUNK,
    ),
    "Content-Disposition": st.one_of(
        st.sampled_from(['inline; filename="a/../b.txt"', "inline; filename*=UTF-8''%FF", "inline; filename"]), JUNK
    ),
    "Content-Encoding": st.sampled_from(["gzip", "identity"]),
    "Content-Type": st.one_of(st.sampled_from([OFFSET_TYPE, PART_TYPE, "text/plain", ""]), JUNK),
    "X-HTTP-Method-Override": st.one_of(st.sampled_from(["PATCH", "HEAD", "DELETE", "patch"]), JUNK),
    "Accept": st.sampled_from(["application/json", "*/*", ""]),
}
TUS_FIELDS = {"Tus-Resumable": "1.0.0", "Upload-Length": "6", "Content-Type": OFFSET_TYPE}
DRAFT_FIELDS = {"Upload-Complete": "?0", "Content-Type": PART_TYPE}
# most requests are nearly right
USUAL = st.sampled_from(
    [
        TUS_FIELDS,
        {**TUS_FIELDS, "Upload-Offset": "0"},
        {**TUS_FIELDS, "Upload-Offset": "3"},
        {**DRAFT_FIELDS, "Upload-Offset": "0"},
        {**DRAFT_FIELDS, "Upload-Offset": "3", "Upload-Complete": "?1"},
    ]
)
OTHERS = st.lists(st.one_of([st.tuples(st.just(name), values) for name, values in FIELDS.items()]), max_size=3)
METHODS = ["POST", "PATCH", "PATCH", "PATCH", "PATCH", "HEAD", "GET", "DELETE", "OPTIONS", "PUT"]
REQUESTS = st.tuples(
    st.sampled_from(METHODS),
    st.sampled_from(["newest", "newest", "newest", "newest", "first", "begin", "wrong"]),
    USUAL,
    OTHERS.map(dict),
    st.one_of(st.just(b"abc"), st.just(b"abc"), st.just(b""), st.binary(max_size=8)),
)


# few requests that are made up are all of these
RIGHT = [
    ("PATCH", "newest", {**TUS_FIELDS, "Upload-Offset": "0"}, {}, b"abc"),
    ("PATCH", "newest", {**TUS_FIELDS, "Upload-Offset": "0"}, {}, b"abc"),
    ("PATCH", "newest", TUS_FIELDS, {}, b"def"),
    ("HEAD", "newest", TUS_FIELDS, {}, b""),
    ("POST", "begin", TUS_FIELDS, {}, b""),
]


def test_any_fields(app, storage, begin_at, soak):
    app.testing = True
    client, numbers = app.test_client(), itertools.count()
    answers = Counter()

    @settings(max_examples=10_000 if soak else 60)
    @given(st.sampled_from([TUS_FIELDS, DRAFT_FIELDS]), st.lists(REQUESTS, min_size=1, max_size=6))
    @example(TUS_FIELDS, RIGHT)
    def ask(creation, requests):
        name, sent = f"{next(numbers)}.txt", [b""]
        places = {"wrong": "/-/upload/a.b", "begin": begin_at(name)}
        places["first"] = places["newest"] = client.post(places["begin"], headers=creation).headers["Location"]
        for method, place, usual, fields, body in requests:
            url = places["begin" if method == "POST" and place != "wrong" else place]
            answer = client.open(url, method=method, headers={**usual, **fields}, data=body)
            answers[method, answer.status_code] += 1
            assert answer.status_code < 500
            assert answer.headers["Tus-Resumable"] == "1.0.0"
            if answer.status_code < 300:
                sent.append(body)
            places["newest"] = answer.headers.get("Location", places["newest"])
        with app.app_context():
            content = storage.read(name) if storage.exists(name) else b""
        # it is made of whole bodies that were accepted
        assert content in {b"".join(some) for some in itertools.permutations(sent, 2)} | {*sent, b"".join(sent)}

    ask()
    assert {("PATCH", 204), ("PATCH", 409), ("PATCH", 400), ("POST", 201), ("HEAD", 204)} <= set(answers)
