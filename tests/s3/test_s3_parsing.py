"""Headers, times and listings are parsed as botocore parses them, only faster."""

from datetime import datetime, timezone
from email.utils import format_datetime
from xml.sax.saxutils import escape

import pytest
from botocore.awsrequest import HeadersDict
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.utils import parse_timestamp
from hypothesis import example, given
from hypothesis import strategies as st

from flask_pyfs.filesystems.s3.client import S3Settings, make_client
from flask_pyfs.filesystems.s3.parsing import Headers, parse_time, take_entries

SERVICE = ServiceModel(Loader().load_service_model("s3", "service-2"))
SHAPE = SERVICE.operation_model("ListObjectsV2").output_shape
SPACE = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
ENTRY = "<Key>a</Key><LastModified>2026-05-06T07:08:09.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>5</Size>"


def parsed(body, take):
    answer, more = {"status_code": 200, "headers": {}, "body": body}, {}
    if take:
        take_entries(answer, more)
    return create_parser("rest-xml").parse(answer, SHAPE) | more


def page(*entries, space=SPACE, rest="<IsTruncated>true</IsTruncated><NextContinuationToken>n</NextContinuationToken>"):
    contents = "".join(f"<Contents>{entry}</Contents>" for entry in entries)
    groups = "<CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes>"
    return f'<?xml version="1.0"?><ListBucketResult{space}>{rest}{contents}{groups}</ListBucketResult>'.encode()


@pytest.mark.parametrize(
    "body",
    [
        page(),
        page(ENTRY),
        page(ENTRY, f"{ENTRY}<StorageClass>STANDARD</StorageClass>", space=""),
        page(ENTRY.replace("<Key>a</Key>", "<Key></Key>")),
        page(ENTRY.replace("<Key>a</Key>", "<Key>a%20b/%C3%BC &amp; c</Key>"), rest="<EncodingType>url</EncodingType>"),
        page("<Key>only</Key>"),
        page(ENTRY, f"{ENTRY}<Owner><ID>o</ID><DisplayName>d</DisplayName></Owner>"),
        page(f"{ENTRY}<ChecksumAlgorithm>CRC32</ChecksumAlgorithm>"),
        page(f"<!-- of a proxy -->{ENTRY}", ENTRY.replace("<Key>a", "<Key><![CDATA[<a>]]>&#13;&#x1F600;")),
        page(ENTRY, ENTRY.replace("<Key>a", '<Key xmlns="http://other.example/">b')),
        page(ENTRY, rest='<Contents xmlns="">' + ENTRY + "</Contents>"),
        page(ENTRY, rest="<CommonPrefixes><Prefix>a&#13;/</Prefix></CommonPrefixes>"),
        page(ENTRY, rest="<NextContinuationToken>a&#13;&#10;b</NextContinuationToken>"),
        page(ENTRY.replace("<Key>a", "<Key>\xfc")).replace(b'"1.0"', b'"1.0" encoding="iso-8859-1"'),
        page(ENTRY.replace("09.000Z", "09.123Z"), ENTRY.replace("2026-05-06T07:08:09.000Z", "1778051289")),
    ],
)
def test_a_page_is_what_botocore_makes_of_it(body):
    assert parsed(body, take=True) == parsed(body, take=False)


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        (("<Size>5", "<Size>five"), "invalid literal"),
        (("2026-05-06", "2026-05-66"), "day is out of range"),
        (("<Size>5", "<Size>"), "invalid literal"),
        (("<Size>5", "<Key>b</Key><Size>5"), "more than one Key"),
    ],
)
def test_what_is_no_entry_is_refused(odd, message):
    with pytest.raises(ValueError, match=message):
        take_entries({"body": page(ENTRY.replace(*odd))}, {})


@given(key=st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"])), size=st.integers(0, 2**63))
def test_any_key_and_size(key, size):
    clean = "".join(character for character in key if character not in "\ufffe\uffff\x7f")
    body = page(ENTRY.replace("<Key>a", f"<Key>{escape(clean)}").replace("<Size>5", f"<Size>{size}"))
    assert parsed(body, take=True) == parsed(body, take=False)


@given(st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(timezone.utc)))
@example(datetime(2026, 5, 6, 7, 8, 9, tzinfo=timezone.utc))
def test_times(time):
    for text in (
        time.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        time.isoformat(),
        time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        format_datetime(time, usegmt=True),
        time.strftime("%A, %d-%b-%y %H:%M:%S GMT"),
        time.strftime("%a %b %d %H:%M:%S %Y"),
    ):
        assert parse_time(text) == parse_timestamp(text)


@pytest.mark.parametrize(
    "text",
    [
        "Sat, 31 Feb 2026 12:00:00 GMT",
        "Sat, 28 Nov 2026 24:00:00 GMT",
        "Sat, 28 Nov 2026 12:00:61 GMT",
        "Sat, 28 Nox 2026 12:00:00 GMT",
        "soon",
    ],
)
def test_what_is_no_time_is_refused(text):
    for parse in (parse_timestamp, parse_time):
        with pytest.raises(ValueError, match=r"must be in|out of range|Unknown|unable to parse|Invalid timestamp"):
            parse(text)


HEADERS = {
    "content-LENGTH": "5",
    "ETag": '"e"',
    "last-modified": "Sat, 28 Nov 2026 12:00:00 GMT",
    "X-Amz-Meta-Title": "a",
    "x-amz-meta-lower": "b",
    "X-Amz-Request-Id": "r",
    "x-amz-server-side-encryption": "AES256",
}


@pytest.mark.parametrize("operation", ["HeadObject", "GetObject", "PutObject", "UploadPart", "DeleteObject"])
def test_headers(operation):
    shape = SERVICE.operation_model(operation).output_shape

    def parsed(headers):
        return create_parser("rest-xml").parse({"status_code": 200, "headers": headers, "body": b""}, shape)

    assert parsed(Headers(HEADERS)) == parsed(HeadersDict(HEADERS))
    assert parsed(Headers({})) == parsed(HeadersDict())


def test_the_names_of_headers_have_no_case():
    headers = Headers(HEADERS)
    assert dict(headers) == HEADERS
    assert headers["etag"] == headers.get("ETAG") == '"e"'
    assert "LAST-modified" in headers
    assert "Expires" not in headers
    assert headers.get("Expires") is None


def test_an_odd_expires():
    # a handler of botocore deletes it from the headers that were not replaced yet
    answer = {"status_code": 200, "headers": HeadersDict({**HEADERS, "Expires": "soon"}), "body": b"12345"}
    more = {}
    settings = S3Settings(endpoint_url=None, region="us-east-1", access_key="a", secret_key="b", session_token=None)
    model, events = SERVICE.operation_model("GetObject"), make_client(settings).meta.events
    events.emit("before-parse.s3.GetObject", operation_model=model, response_dict=answer, customized_response_dict=more)
    assert more == {"ExpiresString": "soon"}
    assert "Expires" not in answer["headers"]
