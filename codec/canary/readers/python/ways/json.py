"""JSON, and records of JSON."""

import io
import json

from flat import flat


def loads():
    return lambda body: flat(json.loads(body))


def orjson():
    import orjson

    return lambda body: flat(orjson.loads(body))


def lines():
    """Lines as a file has them; the reader passes over a line that is broken."""
    return lambda body: records(io.TextIOWrapper(io.BytesIO(body), encoding="utf-8-sig"))


def splitlines():
    """Lines as str.splitlines finds them, which some HTTP clients use."""
    return lambda body: records(body.decode("utf-8", "replace").splitlines())


def records(lines):
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        yield from flat(value)


def jsonlines():
    import jsonlines

    def read(body):
        for value in jsonlines.Reader(io.TextIOWrapper(io.BytesIO(body), encoding="utf-8")).iter(skip_invalid=True):
            yield from flat(value)

    return read


def jsonseq():
    from jsonseq.decode import JSONSeqDecoder

    def read(body):
        for value in JSONSeqDecoder().decode(io.TextIOWrapper(io.BytesIO(body), encoding="utf-8")):
            yield from flat(value)

    return read


def split_sequence():
    """RFC 7464: pieces between RS; the reader passes over one that is broken."""
    return lambda body: records(body.split(b"\x1e"))
