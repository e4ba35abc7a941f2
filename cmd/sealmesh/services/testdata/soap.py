"""A legacy SOAP service in spyne. It knows nothing of sealmesh. Usage: soap.py PORT"""

import json
import logging
import sys

from lxml import etree
from spyne import Application, Array, ComplexModel, Fault, Integer, ServiceBase, Unicode, rpc
from spyne.model.complex import XmlAttribute
from spyne.protocol.soap import Soap11, Soap12
from spyne.server.wsgi import WsgiApplication
from waitress import serve

SPACE = "urn:people"
people = []  # the database


class Person(ComplexModel):
    __namespace__ = SPACE
    card = XmlAttribute(Unicode)
    name = Unicode
    ssn = Unicode
    note = Unicode


class People(ServiceBase):
    @rpc(Person, _returns=Integer)
    def register(ctx, person):
        """Keeps a person, and gives its number."""
        people.append({k: getattr(person, k) for k in ("card", "name", "ssn", "note")})
        return len(people)

    @rpc(Unicode, _returns=Array(Person))
    def find(ctx, ssn):
        """Finds all people with a number."""
        found = [Person(**p) for p in people if p["ssn"] == ssn]
        if not found:
            raise Fault("Client.NotFound", f"nobody has the number {ssn}")
        return found


def application(protocol, name):
    made = Application([People], SPACE, name=name, in_protocol=protocol(validator="lxml"), out_protocol=protocol())
    return WsgiApplication(made)


soap11, soap12 = application(Soap11, "People"), application(Soap12, "People12")


def root(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/stored":
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(people).encode()]
    return (soap12 if path.startswith("/soap12") else soap11)(environ, start_response)


logging.disable()  # spyne prints the trace of each fault
serve(root, host="127.0.0.1", port=int(sys.argv[1]), threads=2, _quiet=True)
