"""The versions of a file that is overwritten all the time."""

from robust import numbered


def size_of(number):
    return 8 * (20_000 + number * 7919 % 50_000)


def content_of(number):
    return numbered(number, size_of(number))


def write_version(storage, number):
    """Overwrite the file with a version, each time in another way."""
    content = content_of(number)
    way = number % 4
    if way == 0:
        storage.write("file", content, overwrite=True)
    elif way == 1:
        with storage.open("file", "wb") as file:
            file.write(content[:1000])
            file.write(content[1000:])
    else:
        storage.write("other", content, overwrite=True)
        (storage.copy if way == 2 else storage.move)("other", "file", overwrite=True)
