"""A SOAP client: zeep. Usage: soap_client.py URL; prints a line of JSON for each version of SOAP."""

import json
import sys

import zeep
from zeep.exceptions import Fault

SSN = "078-05-1120"

for path in ("/soap", "/soap12"):
    client = zeep.Client(sys.argv[1] + path + "/?wsdl")
    said = {}
    person = {"card": "4111 " + SSN, "name": "Ada", "ssn": SSN, "note": f"a < b & \"c\"\n{SSN} é"}
    said["number"] = client.service.register(person)
    said["found"] = [{k: p[k] for k in person} for p in client.service.find(SSN)]
    try:
        client.service.find("219-09-9999")
    except Fault as fault:
        said["fault"] = fault.message
    said["address"] = next(iter(client.wsdl.services.values())).ports.popitem()[1].binding_options["address"]
    print(json.dumps({"client": path, "body": said}))
