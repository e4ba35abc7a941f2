"""XML: each element with its text, the first piece and all of it, and its attributes."""


def elements(e, path=()):
    path = (*path, e.tag.rpartition("}")[2])
    yield path, e.text or ""
    yield path, "".join(e.itertext())
    for k, v in e.attrib.items():
        yield (*path, "@" + k.rpartition("}")[2]), v
    for child in e:
        if isinstance(child.tag, str):
            yield from elements(child, path)


def etree():
    from xml.etree import ElementTree

    return lambda body: elements(ElementTree.fromstring(body))


def lxml():
    from lxml import etree

    return lambda body: elements(etree.fromstring(body))


def defused():
    from defusedxml import ElementTree

    return lambda body: elements(ElementTree.fromstring(body))


def sax():
    import xml.sax

    class Handler(xml.sax.ContentHandler):
        def __init__(self):
            self.path, self.found = (), []

        def startElement(self, name, attrs):
            self.path = (*self.path, name.rpartition(":")[2])
            for k, v in attrs.items():
                self.found.append(((*self.path, "@" + k.rpartition(":")[2]), v))

        def characters(self, content):
            self.found.append((self.path, content))

        def endElement(self, name):
            self.path = self.path[:-1]

    def read(body):
        handler = Handler()
        try:
            xml.sax.parseString(body, handler)
        except xml.sax.SAXException:
            pass  # the application has seen the events before the fault
        return handler.found

    return read
