def pytest_collection_modifyitems(config, items):
    """Leave out the classes that are for --soak only."""
    if config.getoption("--soak"):
        return
    long = [item for item in items if getattr(getattr(item, "cls", None), "soaks", False)]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
