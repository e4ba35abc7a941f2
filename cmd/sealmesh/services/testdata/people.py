"""A legacy web application in Django: forms, a log-in, a search, exports.

It knows nothing of sealmesh. Usage: people.py PORT
"""

import csv
import gzip
import io
import sys

import django
from django import forms
from django.conf import settings
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.middleware.csrf import get_token
from django.urls import path
from django.utils.html import escape
from django.utils.http import urlencode
from waitress import serve

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for tests",
    MIDDLEWARE=[
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
)
django.setup()

people = []  # the database


class Person(forms.Form):
    name = forms.CharField(max_length=80)
    ssn = forms.CharField(max_length=400)  # an envelope is longer than its value
    note = forms.CharField(required=False, widget=forms.Textarea)
    photo = forms.FileField(required=False)


def page(request, body):
    return HttpResponse(f"<!DOCTYPE html><html><head><title>people</title></head><body>{body}</body></html>")


def form(request, person, enctype="application/x-www-form-urlencoded"):
    """The form of a person, with the CSRF token that Django wants back."""
    return page(request, f"""<form method="post" action="/people" enctype="{enctype}">
        <input type="hidden" name="csrfmiddlewaretoken" value="{get_token(request)}">
        {person.as_p()}<button name="save" value="1">Save</button></form>""")


def new(request):
    return form(request, Person(), request.GET.get("enctype", "application/x-www-form-urlencoded"))


def collection(request):
    """Saves a person and sends the browser to its page, or shows the form again."""
    if request.method == "GET":
        return found(request)
    person = Person(request.POST, request.FILES)
    if not person.is_valid():
        return form(request, person)
    data = person.cleaned_data
    photo = data.pop("photo")
    people.append(data | {"photo": photo and {"name": photo.name, "bytes": photo.size}, "fields": list(request.POST)})
    return HttpResponseRedirect(f"/people/{len(people)}")


def found(request):
    """The people with a number."""
    ssn = request.GET["ssn"]
    return JsonResponse({"asked": ssn, "found": [i for i, p in enumerate(people, 1) if p["ssn"] == ssn]})


def person(request, number):
    """A person as a web page."""
    p = people[number - 1]
    return page(request, f"<h1>{escape(p['name'])}</h1><p id=ssn>{escape(p['ssn'])}</p><p id=note>{escape(p['note'])}</p>")


def record(request, number):
    """A person as JSON."""
    return JsonResponse(people[number - 1])


def search(request):
    """A form by GET, which sends the browser to the people that it found."""
    if "ssn" not in request.GET:
        return page(request, '<form action="/search"><input name="ssn"><button>Search</button></form>')
    return HttpResponseRedirect("/people?" + urlencode({"ssn": request.GET["ssn"]}))


def login(request):
    """An old log-in: it keeps who is there in a cookie."""
    if request.method == "GET":
        return page(request, f"""<form method="post"><input name="ssn"><button>Log in</button>
            <input type="hidden" name="csrfmiddlewaretoken" value="{get_token(request)}"></form>""")
    response = HttpResponseRedirect("/home")
    response.set_cookie("ssn", request.POST["ssn"], httponly=True, max_age=3600)
    response.set_cookie("theme", "dark")
    return response


def home(request):
    return JsonResponse({"ssn": request.COOKIES.get("ssn"), "theme": request.COOKIES.get("theme")})


class Echo:
    """A file for csv.writer that gives each line back, as Django's manual has it."""

    def write(self, line):
        return line


def rows():
    yield "id", "name", "ssn", "note"
    for i, p in enumerate(people, 1):
        yield i, p["name"], p["ssn"], p["note"]


def export(request):
    """All people as CSV, line by line."""
    writer = csv.writer(Echo())
    headers = {"Content-Disposition": 'attachment; filename="people.csv"'}
    return StreamingHttpResponse((writer.writerow(row) for row in rows()), content_type="text/csv", headers=headers)


def excel(request):
    """The same for a spreadsheet: with a byte order mark, and semicolons."""
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows(rows())
    return HttpResponse(text.getvalue().encode("utf-8-sig"), content_type="text/csv; charset=utf-8")


def archive(request):
    """All people as CSV, compressed whatever the client accepts."""
    text = io.StringIO()
    csv.writer(text).writerows(rows())
    headers = {"Content-Encoding": "gzip"}
    return HttpResponse(gzip.compress(text.getvalue().encode()), content_type="text/csv; charset=utf-8", headers=headers)


urlpatterns = [
    path("people/new", new),
    path("people", collection),
    path("people/<int:number>", person),
    path("people/<int:number>.json", record),
    path("search", search),
    path("login", login),
    path("home", home),
    path("export.csv", export),
    path("excel.csv", excel),
    path("archive.csv", archive),
]

if __name__ == "__main__":
    from django.core.wsgi import get_wsgi_application

    serve(get_wsgi_application(), host="127.0.0.1", port=int(sys.argv[1]), threads=2, _quiet=True)
