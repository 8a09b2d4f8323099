"""What stores cannot promise, with the page and the sentence that say so."""

_APPEND = ("backends.rst", "What another process writes to the file in between is lost.")

#: The page and the sentence of each window: of a store, an operation, and what another process does.
WINDOWS = {
    (store, "append", action): _APPEND
    for store in ("memory", "local", "gridfs", "s3", "swift")
    for action in (
        "overwrites the source",
        "moves a file onto the source",
        "deletes the source",
        "moves the source away",
        "replaces the version",
        "deletes the version",
    )
}
