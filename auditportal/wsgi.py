"""The WSGI application. It must never do more than hand requests to Django, and have the process
look at the ledger once before it is asked."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, StreamingHttpResponse

from auditportal.streams import Ended

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "auditportal.settings")
_django = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer a request. What is in memory already goes out as one piece, which costs the server
    one turn of the interpreter; only streams are asked for piece after piece."""
    response: Any = _django(environ, start_response)
    if isinstance(response, StreamingHttpResponse):
        return Ended(response)
    if not isinstance(response, HttpResponse):
        return response  # type: ignore[no-any-return]
    try:
        return [response.content]
    finally:
        response.close()


from observers.pages.warming import warm_up_beside  # noqa: E402 - Django must be set up first

warm_up_beside()
