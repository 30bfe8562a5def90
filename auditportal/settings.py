"""The portal's settings, all from the environment (the table is in `env.py`).

Invariant: importing this starts nothing and writes nothing.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import lazy
from psycopg import IsolationLevel

from auditportal import env
from auditportal.log_config import configure_structlog, logging_settings
from auditportal.secret_key import kept_secret_key

BASE_DIR = env.BASE_DIR
PORTAL_HOME = env.read_path("PORTAL_HOME")
PORTAL_KEY_DIR = env.read_path("PORTAL_KEY_DIR", PORTAL_HOME / "keys")
PORTAL_HEADS_DIR = PORTAL_HOME / "heads"
PORTAL_SAMPLE = env.read_bool("PORTAL_SAMPLE")
PORTAL_BIND = env.read_str("PORTAL_BIND")
PORTAL_PORT = env.read_int("PORT", 1, 65535)
PORTAL_WORKERS = env.read_int("PORTAL_WORKERS", 1, 256)
PORTAL_THREADS = env.read_int("PORTAL_THREADS", 1, 1024)

DEBUG = env.read_bool("DJANGO_DEBUG")
ALLOWED_HOSTS = env.read_list("PORTAL_ALLOWED_HOSTS")

# --- Database -------------------------------------------------------------------------------
# `default` is the application's role, which owns nothing; `owner` migrates; observers read from
# `observer`, if set.

PORTAL_EMBEDDED = not env.read_str("DATABASE_URL")


def _embedded(role: str) -> dict[str, Any]:
    return {"ENGINE": "auditportal.embedded.engine", "NAME": "portal", "USER": role, "HOST": ""}


def _with_patience(database: dict[str, Any], seconds: int = 10) -> dict[str, Any]:
    """Keep connections and check them before each request, so that a restart of PostgreSQL costs no
    request; limit waiting for a dead server; fix the isolation level, whatever the default is."""
    options = {
        "connect_timeout": seconds,
        "application_name": "audit-portal",
        "isolation_level": IsolationLevel.READ_COMMITTED,
    }
    return {
        **database,
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options | database.get("OPTIONS", {}),
    }


for _name in ("OWNER_DATABASE_URL", "OBSERVER_DATABASE_URL"):
    if PORTAL_EMBEDDED and env.read_str(_name):
        raise ImproperlyConfigured(f"{_name} is set without DATABASE_URL")

_application = env.read_database("DATABASE_URL") or _embedded("portal_app")
_owner = env.read_database("OWNER_DATABASE_URL") or (
    _embedded("portal_owner") if PORTAL_EMBEDDED else _application
)
_observer = env.read_database("OBSERVER_DATABASE_URL")

DATABASES = {"default": _with_patience(_application), "owner": _with_patience(_owner)}
if _observer:
    # An unreachable replica delays a request by two seconds, libpq's minimum; the primary answers.
    _observer["ENGINE"] = "observers.replica.engine"
    _observer["OPTIONS"] = {"tcp_user_timeout": 10_000, **_observer["OPTIONS"]}
    DATABASES["observer"] = _with_patience(_observer, seconds=2)
PORTAL_ADMIN_DATABASE_URL = env.read_str("ADMIN_DATABASE_URL")
PORTAL_DATABASE_ADMINS = env.read_list("PORTAL_DATABASE_ADMINS")
LEDGER_READ_ALIAS = "observer" if _observer else "default"
PORTAL_REPLICA_LAG = env.read_int("PORTAL_REPLICA_LAG", 1, 86400)
DATABASE_ROUTERS = ["auditportal.routers.AliasRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

SECRET_KEY = env.read_str("DJANGO_SECRET_KEY")
if not SECRET_KEY and not PORTAL_EMBEDDED:
    raise ImproperlyConfigured(
        "DJANGO_SECRET_KEY is not set, and with DATABASE_URL it must be: a long random text, the "
        "same for every process of the portal"
    )
if not SECRET_KEY:
    SECRET_KEY = lazy(kept_secret_key, str)(PORTAL_HOME)

# --- Apps and middleware --------------------------------------------------------------------

INSTALLED_APPS = [
    "procrastinate.contrib.django",  # before the apps that use it and remove its admin
    "auditportal",
    "events.apps.EventsConfig",
    "observers.apps.ObserversConfig",
    "events.apps.PortalAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "django_structlog",
    "csp",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "auditportal.middleware.ContentPolicyMiddleware",
    "auditportal.gate.GateMiddleware",
    "auditportal.static.StaticFilesMiddleware",
    "auditportal.middleware.ApiSkippingSessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "auditportal.middleware.ApiSkippingCsrfMiddleware",
    "auditportal.middleware.ApiSkippingAuthMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "events.accounts.session_limits.SessionLimitsMiddleware",
    "events.accounts.second_factor.SecondFactorMiddleware",
    "events.access.middleware.AccessLogMiddleware",
    "auditportal.middleware.ApiSkippingMessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "auditportal.request_log.RequestLog",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "auditportal.urls"
WSGI_APPLICATION = "auditportal.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "observers.pages.permissions.page_permissions",
            ],
        },
    },
]

STATIC_URL = "static/"
STATIC_ROOT = PORTAL_HOME / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "auditportal.static.StaticFilesStorage"},
}

LANGUAGE_CODE = "en-gb"
FORMAT_MODULE_PATH = "auditportal.formats"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

# --- Access control ------------------------------------------------------------------------

HTTPS = env.read_bool("PORTAL_HTTPS")
PORTAL_TRUSTED_PROXIES = env.read_int("PORTAL_TRUSTED_PROXIES", 0, 16)
PORTAL_PUBLIC_READING = env.read_bool("PORTAL_PUBLIC_READING")
PORTAL_REQUIRE_SECOND_FACTOR = (
    env.read_bool("PORTAL_REQUIRE_SECOND_FACTOR")
    if env.read_str("PORTAL_REQUIRE_SECOND_FACTOR")
    else HTTPS
)
PORTAL_LIMIT_WRITES = env.read_int("PORTAL_LIMIT_WRITES", 0, 1_000_000)
PORTAL_LIMIT_READS = env.read_int("PORTAL_LIMIT_READS", 0, 1_000_000)
PORTAL_LIMIT_ADDRESS = env.read_int("PORTAL_LIMIT_ADDRESS", 0, 1_000_000)
PORTAL_PROPOSAL_DAYS = env.read_int("PORTAL_PROPOSAL_DAYS", 1, 366)
PORTAL_LIMIT_SIGN_IN = env.read_int("PORTAL_LIMIT_SIGN_IN", 0, 1_000_000)

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"

# Five wrong passwords lock a name for an address. Unknown names are treated alike, so a lock does
# not reveal which accounts exist.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "events.access.client_address.client_address"
AXES_LOCKOUT_CALLABLE = "observers.pages.sign_in.locked_out"
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

OTP_TOTP_ISSUER = "Audit Portal"

PORTAL_IDLE_SECONDS = 60 * env.read_int("PORTAL_IDLE_MINUTES", 1, 60 * 24)
SESSION_COOKIE_NAME = "auditportal_session"
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "auditportal_csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "observers.pages.errors.csrf_failure"
CSRF_TRUSTED_ORIGINS = env.read_list("PORTAL_TRUSTED_ORIGINS")

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

if HTTPS:
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds())
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^metrics$"]  # probed without TLS
    # W005, W021: subdomains of this host are not ours to bind to TLS. W003 looks for the name of
    # Django's CSRF middleware; ours is a subclass of it, as a test checks.
    SILENCED_SYSTEM_CHECKS = ["security.W003", "security.W005", "security.W021"]

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    },
}

# --- HTTP API -------------------------------------------------------------------------------

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_RENDERER_CLASSES": ["events.api.rendering.OrjsonRenderer"],
    "DEFAULT_PARSER_CLASSES": [],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "events.api.rendering.Negotiation",
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "events.api.authentication.BearerAuthentication",
        "events.api.authentication.ReaderSession",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["events.api.authentication.ReadOrWriteAsAgent"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "events.api.problems.handle",
    "URL_FORMAT_OVERRIDE": None,  # `format` is a parameter of the export
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}

KNOX_TOKEN_MODEL = "events.ApiToken"  # noqa: S105 - the name of a model
REST_KNOX = {
    "SECURE_HASH_ALGORITHM": "hashlib.sha512",
    "AUTH_TOKEN_CHARACTER_LENGTH": 64,
    "TOKEN_TTL": None,
    "AUTH_HEADER_PREFIX": "Bearer",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Audit Portal",
    "DESCRIPTION": (
        "Record events in an append-only, hash-chained, signed and witnessed ledger, and read "
        "them back with everything needed to verify them. `sequence` is the order of events; times "
        "are informative. Every refusal is a problem detail (RFC 9457)."
    ),
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SCHEMA_PATH_PREFIX_TRIM": False,
    "COMPONENT_SPLIT_REQUEST": False,
}

# --- Background jobs ------------------------------------------------------------------------
# Jobs are stored in the ledger's database and run by `manage.py worker`.

PROCRASTINATE_AUTODISCOVER_MODULE_NAME = None
PROCRASTINATE_IMPORT_PATHS = ["observers.verification_jobs.tasks", "observers.watch.watch"]

# --- The watch and its alerts ---------------------------------------------------------------

PORTAL_WATCH_HOURS = env.read_int("PORTAL_WATCH_HOURS", 1, 24 * 366)
PORTAL_WATCH_HALT_ON = env.read_words("PORTAL_WATCH_HALT_ON", env.FINDINGS)
PORTAL_ALERT_WEBHOOK_URL = env.read_url("PORTAL_ALERT_WEBHOOK_URL", ("http", "https"))
PORTAL_ALERT_WEBHOOK_SECRET = env.read_str("PORTAL_ALERT_WEBHOOK_SECRET")
if PORTAL_ALERT_WEBHOOK_URL and len(PORTAL_ALERT_WEBHOOK_SECRET) < 32:
    raise ImproperlyConfigured(
        "PORTAL_ALERT_WEBHOOK_SECRET needs 32 characters or more: without it a receiver cannot "
        "tell an alert from a forgery"
    )
PORTAL_ALERT_EMAIL_TO = env.read_list("PORTAL_ALERT_EMAIL_TO")
DEFAULT_FROM_EMAIL = env.read_str("PORTAL_ALERT_EMAIL_FROM")
globals().update(env.read_smtp("PORTAL_SMTP_URL"))

# --- Logs -----------------------------------------------------------------------------------

DJANGO_STRUCTLOG_STATUS_4XX_LOG_LEVEL = logging.INFO  # the caller's mistake
configure_structlog()
LOGGING = logging_settings(env.read_log_level("PORTAL_LOG_LEVEL"), env.read_str("PORTAL_LOG_FILE"))
