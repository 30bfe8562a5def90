"""Serves the OpenAPI description, generated once per process (it takes 0.1 s)."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

from django.http import HttpResponse
from django.utils.cache import get_conditional_response
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

from events.access.view_marks import no_second_factor, not_logged

_made: dict[str, bytes] = {}
_making = threading.Lock()


@not_logged
@no_second_factor
class ApiDescription(SpectacularAPIView):
    """The description in the accepted format; the same for all callers."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """The document, or 304 if the client has it."""
        renderer: Any = request.accepted_renderer
        with _making:
            content = _made.get(renderer.format)
            if content is None:
                generator: Any = self.generator_class(api_version=self.api_version)
                drawn = generator.get_schema(request=None, public=True)
                content = _made[renderer.format] = renderer.render(drawn, renderer_context={})
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        answer = HttpResponse(content, content_type=renderer.media_type)
        answer["ETag"] = tag
        answer["Vary"] = "Accept"
        not_modified = get_conditional_response(request._request, etag=tag, response=answer)
        return not_modified or answer
