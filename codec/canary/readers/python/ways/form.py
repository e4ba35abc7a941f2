"""Forms, urlencoded and multipart, as frameworks read them. The argument is the content type."""

import asyncio
import io
import urllib.parse

from flat import pairs


def wsgi(body, content_type):
    return {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "http",
        "SERVER_NAME": "a",
        "SERVER_PORT": "80",
        "PATH_INFO": "/",
    }


def urllib_qsl(_):
    return lambda body: pairs(urllib.parse.parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def cgi(content_type):
    import cgi

    def read(body):
        env = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(len(body))}
        store = cgi.FieldStorage(fp=io.BytesIO(body), environ=env, keep_blank_values=True)
        return pairs((f.name, f.value) for f in store.list or [])

    return read


def django(content_type):
    from django.conf import settings

    settings.configure(DATA_UPLOAD_MAX_NUMBER_FIELDS=None)
    from django.core.handlers.wsgi import WSGIRequest

    def read(body):
        request = WSGIRequest(wsgi(body, content_type))
        yield from pairs((k, v) for k, vs in request.POST.lists() for v in vs)
        yield from pairs((k, f.read()) for k, fs in request.FILES.lists() for f in fs)

    return read


def werkzeug(content_type):
    from werkzeug.wrappers import Request

    def read(body):
        request = Request(wsgi(body, content_type))
        yield from pairs(request.form.items(multi=True))
        yield from pairs((k, f.read()) for k, f in request.files.items(multi=True))

    return read


def starlette(content_type):
    from starlette.requests import Request

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", content_type.encode())]}

    async def form(body):
        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async with Request(dict(scope), receive).form() as fields:
            return [(k, v if isinstance(v, str) else await v.read()) for k, v in fields.multi_items()]

    run = asyncio.new_event_loop().run_until_complete
    return lambda body: pairs(run(form(body)))


def multipart(content_type):
    import multipart

    def read(body):
        forms, files = multipart.parse_form_data(wsgi(body, content_type), ignore_errors=True)
        yield from pairs(forms.iterallitems())
        yield from pairs((k, f.raw) for k, f in files.iterallitems())

    return read


def email(content_type):
    import email.parser
    import email.policy

    head = b"Content-Type: " + content_type.encode() + b"\r\n\r\n"
    parser = email.parser.BytesParser(policy=email.policy.HTTP)

    def read(body):
        for part in parser.parsebytes(head + body).iter_parts():
            name = part.get_param("name", header="content-disposition")
            yield from pairs([(name, part.get_payload(decode=True) or b"")])

    return read
