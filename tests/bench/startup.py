"""Import one library in this process and configure a storage, and print the times as JSON.

Flask is imported before: an app has it anyway.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from drivers import make_app, make_storage
from stores import STORES

job = json.loads(sys.argv[1])
app = make_app(STORES[job["store"]](Path(job["area"])).settings())

start = time.perf_counter()
storage = make_storage(job["module"], job["storage"])
imported = time.perf_counter()
sys.modules[job["module"]].init_app(app, storage)
configured = time.perf_counter()

times = {"import": imported - start, "init": configured - imported}
print(json.dumps({name: {"seconds": seconds, "times": 1} for name, seconds in times.items()}))
