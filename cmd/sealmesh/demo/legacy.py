#!/usr/bin/env python3
"""A legacy customer service: plain HTTP, plain SQL, no idea of encryption.

It keeps what it is sent in a SQLite database and gives it back. Nobody may
change it. It needs nothing but Python's standard library.

    legacy.py DATABASE PORT     serve on 127.0.0.1:PORT
    legacy.py --dump DATABASE   print the customers, one JSON object a line
    legacy.py --notes DATABASE  print the notes, one JSON object a line
"""

import json
import sqlite3
import sys
import xml.etree.ElementTree as ElementTree
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SCHEMA = """CREATE TABLE IF NOT EXISTS customers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL, email TEXT, ssn TEXT, income TEXT, contacts TEXT)"""
NOTES = "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY AUTOINCREMENT, note TEXT NOT NULL)"
COLUMNS = ("name", "email", "ssn", "income", "contacts")
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
OURS = "{urn:customers}"


def connect(path):
    db = sqlite3.connect(path)
    db.row_factory = sqlite3.Row
    db.execute(SCHEMA)
    db.execute(NOTES)
    return db


def to_json(row):
    customer = {"id": row["id"]}
    for column in COLUMNS:
        customer[column] = json.loads(row[column])
    return customer


def from_soap(body):
    call = ElementTree.fromstring(body).find(f"{SOAP}Body/{OURS}CreateCustomer")
    return {c: call.findtext(OURS + c) for c in COLUMNS if call.find(OURS + c) is not None}


def to_soap(customer):
    envelope = ElementTree.Element(SOAP + "Envelope")
    reply = ElementTree.SubElement(ElementTree.SubElement(envelope, SOAP + "Body"), OURS + "CreateCustomerResponse")
    for name, value in customer.items():
        ElementTree.SubElement(reply, OURS + name).text = None if value is None else str(value)
    return ElementTree.tostring(envelope)


def from_upload(content_type, body):
    form = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    parts = {p.get_param("name", header="content-disposition"): p for p in form.get_payload()}
    return {c: parts[c].get_payload(decode=True).decode() for c in COLUMNS if c in parts}


class Customers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status, value, soap=False):
        body = to_soap(value) if soap else json.dumps(value, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/xml; charset=utf-8" if soap else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        length = int(self.headers.get("Content-Length", "0"))
        body, kind = self.rfile.read(length), self.headers.get("Content-Type", "")
        if self.path == "/notes":
            with connect(self.server.database) as db:
                db.execute("INSERT INTO notes (note) VALUES (?)", (json.dumps(json.loads(body)),))
            return self.reply(201, {})
        soap = kind.startswith("text/xml")
        if soap:
            customer = from_soap(body)
        elif kind.startswith("multipart/form-data"):
            customer = from_upload(kind, body)
        else:
            customer = json.loads(body)
        values = [json.dumps(customer.get(c), ensure_ascii=False) for c in COLUMNS]
        with connect(self.server.database) as db:
            cursor = db.execute("INSERT INTO customers (name, email, ssn, income, contacts) VALUES (?, ?, ?, ?, ?)", values)
            row = db.execute("SELECT * FROM customers WHERE id = ?", (cursor.lastrowid,)).fetchone()
        self.reply(200 if soap else 201, to_json(row), soap)

    def do_GET(self):
        with connect(self.server.database) as db:
            if self.path == "/healthz":
                return self.reply(200, {"status": "ok"})
            if self.path == "/customers":
                rows = db.execute("SELECT * FROM customers ORDER BY id").fetchall()
                return self.reply(200, [to_json(row) for row in rows])
            row = db.execute("SELECT * FROM customers WHERE id = ?", (self.path.rsplit("/", 1)[-1],)).fetchone()
        if row is None:
            return self.reply(404, {"error": "no such customer"})
        return self.reply(200, to_json(row))

    def log_message(self, *_):
        pass


def main():
    if sys.argv[1] == "--dump":
        for row in connect(sys.argv[2]).execute("SELECT * FROM customers ORDER BY id"):
            print(json.dumps(to_json(row), ensure_ascii=False))
        return
    if sys.argv[1] == "--notes":
        for row in connect(sys.argv[2]).execute("SELECT note FROM notes ORDER BY id"):
            print(row["note"])
        return
    connect(sys.argv[1]).close()
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Customers)
    server.database = sys.argv[1]
    server.serve_forever()


if __name__ == "__main__":
    main()
