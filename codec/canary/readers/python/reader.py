"""Reads bodies as applications do, one way for each process.

usage: reader.py WAY [CONTENT-TYPE]

A body comes on standard input behind its length, four bytes, big endian. What
was read goes to standard output in the same frame, as JSON: a list of
[path, value], where a path is a list of names and indexes. A body that the
reader refuses gives an empty list.
"""

import csv
import io
import json
import struct
import sys
import urllib.parse
import warnings


def flat(value, path=()):
    """The scalars in value, each with its path."""
    if isinstance(value, dict):
        for k, v in value.items():
            yield from flat(v, (*path, str(k)))
    elif isinstance(value, (list, tuple)):
        for i, v in enumerate(value):
            yield from flat(v, (*path, i))
    else:
        yield [list(path), str(value)]


def pairs(items):
    return [[[name], str(value)] for name, value in items]


def wsgi(body):
    return {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": sys.argv[2],
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "http",
        "SERVER_NAME": "a",
        "SERVER_PORT": "80",
        "PATH_INFO": "/",
    }


def form_urllib():
    return lambda body: pairs(urllib.parse.parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def form_cgi():
    import cgi

    def read(body):
        env = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": sys.argv[2], "CONTENT_LENGTH": str(len(body))}
        store = cgi.FieldStorage(fp=io.BytesIO(body), environ=env, keep_blank_values=True)
        return pairs((f.name, f.value) for f in store.list or [])

    return read


def form_django():
    from django.conf import settings

    settings.configure(DATA_UPLOAD_MAX_NUMBER_FIELDS=None)
    from django.core.handlers.wsgi import WSGIRequest

    def read(body):
        request = WSGIRequest(wsgi(body))
        found = [[[k], v] for k, vs in request.POST.lists() for v in vs]
        for k, fs in request.FILES.lists():
            found += [[[k], f.read().decode("utf-8", "replace")] for f in fs]
        return found

    return read


def form_werkzeug():
    from werkzeug.wrappers import Request

    def read(body):
        request = Request(wsgi(body))
        found = pairs(request.form.items(multi=True))
        for k, f in request.files.items(multi=True):
            found.append([[k], f.read().decode("utf-8", "replace")])
        return found

    return read


def form_multipart():
    import multipart

    def read(body):
        forms, files = multipart.parse_form_data(wsgi(body), ignore_errors=True)
        found = pairs(forms.iterallitems())
        for k, f in files.iterallitems():
            found.append([[k], f.raw.decode("utf-8", "replace")])
        return found

    return read


def multipart_email():
    import email.parser
    import email.policy

    def read(body):
        head = b"Content-Type: " + sys.argv[2].encode() + b"\r\n\r\n"
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
        found = []
        for part in message.iter_parts():
            name = part.get_param("name", header="content-disposition")
            found.append([[name], (part.get_payload(decode=True) or b"").decode("utf-8", "replace")])
        return found

    return read


def json_loads():
    return lambda body: list(flat(json.loads(body)))


def csv_dict():
    def read(body):
        rows = csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""))
        return [[[i, str(k)], str(v)] for i, row in enumerate(rows) for k, v in row.items()]

    return read


def elements(root):
    """Each element with its text: the first piece, and all of it."""
    found = []

    def walk(e, path):
        if not isinstance(e.tag, str):
            return
        found.append([path, e.text or ""])
        found.append([path, "".join(e.itertext())])
        for k, v in e.attrib.items():
            found.append([path + ["@" + k.rpartition("}")[2]], v])
        for child in e:
            if isinstance(child.tag, str):
                walk(child, path + [child.tag.rpartition("}")[2]])

    walk(root, [root.tag.rpartition("}")[2]])
    return found


def xml_etree():
    import xml.etree.ElementTree as etree

    return lambda body: elements(etree.fromstring(body))


def xml_lxml():
    from lxml import etree

    return lambda body: elements(etree.fromstring(body))


def xml_defused():
    from defusedxml import ElementTree

    return lambda body: elements(ElementTree.fromstring(body))


def xml_sax():
    import xml.sax

    class Handler(xml.sax.ContentHandler):
        def __init__(self):
            self.path, self.found = [], []

        def startElement(self, name, attrs):
            self.path.append(name.rpartition(":")[2])
            self.found.append([self.path[:], ""])
            for k, v in attrs.items():
                self.found.append([self.path[:] + ["@" + k.rpartition(":")[2]], v])

        def characters(self, content):
            self.found.append([self.path[:], content])

        def endElement(self, name):
            self.path.pop()

    def read(body):
        handler = Handler()
        xml.sax.parseString(body, handler)
        return handler.found

    return read


def main():
    warnings.simplefilter("ignore")
    read = globals()[sys.argv[1]]()
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    while head := stdin.read(4):
        body = stdin.read(struct.unpack(">I", head)[0])
        try:
            found = read(body)
        except Exception:  # whatever it is, the application has read nothing
            found = []
        reply = json.dumps(found).encode()
        stdout.write(struct.pack(">I", len(reply)) + reply)
        stdout.flush()


main()
