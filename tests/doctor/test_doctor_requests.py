"""How many requests the doctor makes."""

import pytest
from counting_commands import commands
from test_stores import refusal


@pytest.mark.parametrize(("kind", "count"), [("s3-moto", 26), ("swift", 15)])
def test_requests(kind, count, proxied, findings):
    _, proxy = proxied(kind)
    # logs in
    findings()
    proxy.requests.clear()
    findings()
    assert len(proxy.requests) == count, proxy.requests


def test_requests_with_signed_urls(proxied, findings):
    _, proxy = proxied("swift", TEMP_URL_KEY="a key")
    findings()
    proxy.requests.clear()
    findings()
    assert len(proxy.requests) == 21, proxy.requests


def test_requests_with_an_origin(proxied, findings):
    _, proxy = proxied("s3-moto")
    findings(origin="https://shop.example")
    assert len(proxy.requests) == 28, proxy.requests


def test_commands(configured, findings):
    with commands() as sent:
        configured("gridfs")
        findings()
        sent.clear()
        findings()
    assert len(sent) == 25, sent


def test_a_store_that_is_down_is_asked_once(proxied, findings):
    _, proxy = proxied("s3-moto")
    proxy.ask = lambda request: refusal(503, "SlowDown")
    findings()
    assert len(proxy.requests) == 1
