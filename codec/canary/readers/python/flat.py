"""What the ways share."""


def flat(value, path=()):
    """The scalars in value, each with its path."""
    if isinstance(value, dict):
        for k, v in value.items():
            yield from flat(v, (*path, str(k)))
    elif isinstance(value, (list, tuple)):
        for i, v in enumerate(value):
            yield from flat(v, (*path, i))
    else:
        yield path, str(value)


def text(value):
    """A string, or bytes as one."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def pairs(items):
    """Pairs of name and value."""
    for name, value in items:
        yield [name], text(value)
