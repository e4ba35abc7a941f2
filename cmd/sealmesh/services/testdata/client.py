"""Clients of Python: requests and httpx. Usage: client.py URL

Each fills in the forms of people.py as a person would; a line of JSON says what it got.
"""

import json
import re
import sys

import httpx
import requests

URL = sys.argv[1]
SSN = "078-05-1120"


def token(page):
    return re.search(r'name="csrfmiddlewaretoken" value="([^"]*)"', page.text).group(1)


def say(client, page, **more):
    print(json.dumps({"client": client, "status": page.status_code} | more))


def use(name, session):
    def record(client, page):
        say(client, page, body=session.get(str(page.url) + ".json").json())

    form = {"csrfmiddlewaretoken": token(session.get(URL + "/people/new")), "name": name, "ssn": SSN}
    form["note"] = f"a & b+c=d; \r\n{SSN} é"
    page = session.post(URL + "/people", data=form)
    record(name + " form", page)
    with open("photo.png", "rb") as photo:
        page = session.post(URL + "/people", data=form, files={"photo": ("été (1).png", photo, "image/png")})
    record(name + " multipart", page)

    # A form with an error comes back with the value in it, and is sent again.
    page = session.post(URL + "/people", data=form | {"name": "x" * 81})
    value = re.search(r'name="ssn" value="([^"]*)"', page.text).group(1)
    page = session.post(URL + "/people", data=form | {"csrfmiddlewaretoken": token(page), "ssn": value})
    record(name + " again", page)

    page = session.get(URL + "/search", params={"ssn": SSN})
    say(name + " search", page, body=page.json())
    form = {"csrfmiddlewaretoken": token(session.get(URL + "/login")), "ssn": SSN}
    page = session.post(URL + "/login", data=form)
    say(name + " log-in", page, body=page.json(), cookie=session.cookies["ssn"])


use("requests", requests.Session())
use("httpx", httpx.Client(follow_redirects=True))
