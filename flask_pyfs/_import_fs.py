"""Import ``fs`` without the warnings of the ``pkg_resources`` module that it uses."""

import warnings

with warnings.catch_warnings():
    # Both come from setuptools, and only fs itself could mend their cause.
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated as an API")
    warnings.filterwarnings("ignore", message="Deprecated call to `pkg_resources")
    import fs.opener  # noqa: F401
