"""First-party style and script: named by their content once collected, plain until then.

It must never hide that a collected file is missing: the manifest stays strict.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.storage import CompressedManifestStaticFilesStorage


# Whitenoise has no types, here and below.
class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Whitenoise's storage, usable before `collectstatic` too, as tests and `runserver` are.

    Our own modules import one another by their hashed names: an old part never runs beside a new
    one. Other people's scripts are left as they are; some of them import what they do not bring.
    """

    support_js_module_import_aggregation = True
    _js_module_import_aggregation_patterns = (
        "observers/*.js",
        CompressedManifestStaticFilesStorage._js_module_import_aggregation_patterns[1],
    )

    def stored_name(self, name: str) -> str:
        return str(super().stored_name(name)) if self.hashed_files else name


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]
    """Whitenoise's middleware, silent where nothing has been collected."""

    def add_files(self, root: Any, prefix: str | None = None) -> None:
        if Path(root).is_dir():
            super().add_files(root, prefix=prefix)
