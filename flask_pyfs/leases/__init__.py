"""Lets one of many threads, processes and machines do something with a storage, by a file under a reserved name."""
