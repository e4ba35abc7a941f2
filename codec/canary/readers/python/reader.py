"""Reads bodies as applications do, one way for each process.

usage: reader.py WAY [ARGUMENT]

A way is a function of a module in ways: form.django. It takes the argument, a
content type or a file, and returns a function that reads a body.

A body comes on standard input behind its length, four bytes, big endian. What
was read goes to standard output in the same frame, as JSON: a list of
[path, value], where a path is a list of names and indexes. Only values with the
canary are sent. A body that the reader refuses gives an empty list.
"""

import importlib
import json
import struct
import sys
import warnings

CANARY = "CANARY"


def main():
    warnings.simplefilter("ignore")
    module, _, way = sys.argv[1].partition(".")
    read = getattr(importlib.import_module("ways." + module), way)(*filter(None, sys.argv[2:]))
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    while head := stdin.read(4):
        body = stdin.read(struct.unpack(">I", head)[0])
        found = []
        try:
            for path, value in read(body):
                if CANARY in value:
                    found.append([list(path), value])
        except Exception:  # the application reads no more of the body
            pass
        reply = json.dumps(found).encode()
        stdout.write(struct.pack(">I", len(reply)) + reply)
        stdout.flush()


main()
