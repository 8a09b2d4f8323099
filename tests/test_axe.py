from urllib.parse import quote

from axe import violations

GOOD = """<!doctype html><html lang="en"><title>A page</title>
<main><h1>A page</h1><form><label>Name <input name="name"></label></form></main>"""


def test_what_is_wrong_with_a_page(page):
    page.open("data:text/html," + quote(GOOD))
    assert violations(page) == []
    page.evaluate("document.querySelector('label').replaceWith(document.querySelector('input'))")
    (found,) = violations(page)
    assert found.startswith("label (critical): Form elements must have labels: input: ")
    # again, of the page as it is now
    page.evaluate("document.documentElement.lang = ''")
    assert [each.split()[0] for each in violations(page)] == ["html-has-lang", "label"]
