"""What others may rely on changes only on purpose."""

from difflib import unified_diff

from public_api import FILE, public_api


def test_the_public_api_is_the_one_that_is_written_down():
    written, found = FILE.read_text().splitlines(), public_api().splitlines()
    difference = "\n".join(unified_diff(written, found, "public_api.txt", "the package", n=1, lineterm=""))
    assert not difference, f"the public API has changed:\n{difference}\nif it should: python tests/rules/public_api.py"
