"""Server-sent events, whose data is JSON."""

import json

from flat import flat


def events(data):
    """The data of events: an application passes over data that is not JSON, such as [DONE]."""
    for text in data:
        try:
            value = json.loads(text)
        except ValueError:
            continue
        yield from flat(value)


def sseclient():
    import sseclient

    return lambda body: events(e.data for e in sseclient.SSEClient([body]).events())


def httpx():
    import httpx
    import httpx_sse

    def read(body):
        response = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)
        return events(e.data for e in httpx_sse.EventSource(response).iter_sse())

    return read


def lines():
    """What many clients of chats do: each line that begins with data: is an event."""
    return lambda body: events(l[5:] for l in body.decode("utf-8", "replace").splitlines() if l.startswith("data:"))
