"""The gallery of docs/examples, loaded as it is found there."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

PLACE = Path(__file__).resolve().parents[1] / "docs" / "examples" / "gallery"


@contextmanager
def gallery(name: str = "gallery_example") -> Iterator[ModuleType]:
    """Import the gallery as a package of this name, and forget it after the block."""
    spec = importlib.util.spec_from_file_location(name, PLACE / "__init__.py", submodule_search_locations=[str(PLACE)])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        for each in [each for each in sys.modules if each.partition(".")[0] == name]:
            del sys.modules[each]
