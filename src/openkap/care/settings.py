"""One settings file, driven by environment variables; docs/deploy.md lists them all.

Without any variable: SQLite below ``var/`` in the working directory, a secret made once and kept there,
pages served to this machine only. Nothing here is read from the network.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

HERE = Path(__file__).resolve().parent


def _flag(name: str, default: bool = False) -> bool:
    """An on/off variable; anything but yes/no words is refused, so that a typo cannot open a door."""
    text = os.environ.get(name, "").strip().lower()
    if text not in {"", "0", "1", "no", "yes", "false", "true", "off", "on"}:
        raise ImproperlyConfigured(f"{name} is {text!r}; write yes or no")
    return text in {"1", "yes", "true", "on"} if text else default


def _count(name: str, default: int = 0) -> int:
    """A whole number from 0; anything else is refused."""
    text = os.environ.get(name, "").strip() or str(default)
    if not (text.isascii() and text.isdigit()):
        raise ImproperlyConfigured(f"{name} is {text!r}; write a whole number such as 1")
    return int(text)


def _words(name: str, default: str) -> list[str]:
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


# Everything this installation keeps: database, secret, logs, backups.
VAR = Path(os.environ.get("OPENKAP_VAR", "var")).resolve()
VAR.mkdir(mode=0o700, parents=True, exist_ok=True)


def _secret(name: str) -> str:
    """The variable, or a secret made once and kept in ``var/`` with rights for its owner alone."""
    if given := os.environ.get(name):
        return given
    path = VAR / name.lower().removeprefix("openkap_")
    if not path.exists():
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(50))
        except FileExistsError:
            pass
    return path.read_text(encoding="utf-8")


def database(url: str) -> dict[str, Any]:
    """``sqlite:///path`` or ``postgresql://user:password@host:port/name`` as Django's settings."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        if parts.netloc or not parts.path[1:]:
            # sqlite://clinic.sqlite3 would open another file than the one that is meant.
            raise ImproperlyConfigured(
                "DATABASE_URL names no file; write sqlite:///relative/path or sqlite:////absolute/path"
            )
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": parts.path[1:],
            "OPTIONS": {
                # A writer takes its turn at the start, so that no half-done transaction is refused.
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                # FULL: what was acknowledged is on the disk, also when the power goes.
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
            },
            # Opening the file and reading its tables takes longer than most pages' queries.
            "CONN_MAX_AGE": 300,
        }
    if parts.scheme in {"postgres", "postgresql"}:
        try:
            port = str(parts.port or "")
        except ValueError:
            raise ImproperlyConfigured(
                "the port in DATABASE_URL is no number; signs such as / # @ in a password are written "
                "%2F %23 %40"
            ) from None
        if not parts.path.strip("/"):
            raise ImproperlyConfigured(
                "DATABASE_URL names no database; write postgresql://USER:PASSWORD@HOST/NAME"
            )
        options: dict[str, Any] = dict(parse_qsl(parts.query)) | {"server_side_binding": True}
        # Compiling a query to machine code takes longer than any of ours runs, and so does planning one anew
        # for each value: lists of the first page are planned in 7 ms and run in one.
        quick = "-c jit=off -c plan_cache_mode=force_generic_plan"
        options["options"] = f"{options.get('options', '')} {quick}".strip()
        return {
            "ENGINE": "openkap.care.postgresql",
            "NAME": parts.path.lstrip("/"),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": options.pop("host", None) or unquote(parts.hostname or ""),
            "PORT": port,
            "OPTIONS": options,
            "CONN_MAX_AGE": 300,
            "CONN_HEALTH_CHECKS": True,
        }
    # Only how it begins: what follows may hold the password.
    raise ImproperlyConfigured(
        f"DATABASE_URL begins with {parts.scheme!r}; it must begin with sqlite:// or postgresql://"
    )


DEBUG = _flag("OPENKAP_DEBUG")
# The demo clinic: synthetic people, one click to log in. Refused by the deploy check.
DEMO = _flag("OPENKAP_DEMO")
# How many invented patients the demo clinic has; the browser tests take fewer.
DEMO_PATIENTS = _count("OPENKAP_DEMO_PATIENTS", 120)
SECRET_KEY = _secret("OPENKAP_SECRET_KEY")
ALLOWED_HOSTS = _words("OPENKAP_HOSTS", "127.0.0.1,localhost")
# Where people reach this installation; https makes every cookie secure.
BASE_URL = os.environ.get("OPENKAP_BASE_URL", "http://127.0.0.1:8000").rstrip("/")
IS_HTTPS = BASE_URL.startswith("https://")
DATABASES = {"default": database(os.environ.get("DATABASE_URL") or f"sqlite:///{VAR / 'clinic.sqlite3'}")}
# Releases of the registry, a folder for each clinic, and the secret their pseudonyms are made with.
# What the site has set and signed where a protocol leaves a limit open; a restart reads it anew.
_SITE_FILE = os.environ.get("OPENKAP_SITE_FILE") or (HERE / "demo" / "site.yaml" if DEMO else None)
SITE_FILE = Path(_SITE_FILE).resolve() if _SITE_FILE else None
REGISTRY = Path(os.environ.get("OPENKAP_REGISTRY") or VAR / "registry").resolve()
REGISTRY_KEY = _secret("OPENKAP_REGISTRY_KEY")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "openkap.care.audit",
    "openkap.care.messaging",
    "openkap.care.accounts",
    "openkap.care.patients",
    "openkap.care.enrolment",
    "openkap.care.treatment",
    "openkap.care.outcomes",
    "openkap.care.live",
    "openkap.care.insights",
    "openkap.care.api",
    "openkap.care.demo",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "openkap.care.middleware.ContentPolicy",
    "openkap.care.middleware.RequestId",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "openkap.care.middleware.NoHiddenCharacters",
    "openkap.care.accounts.middleware.WhoIsAsking",
    "openkap.care.accounts.middleware.RuleOfTheUrl",
]

ROOT_URLCONF = "openkap.care.urls"
WSGI_APPLICATION = "openkap.care.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [HERE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "openkap.care.accounts.context.frame",
            ],
            "builtins": ["openkap.care.templatetags.clinic", "openkap.care.templatetags.kept_words"],
        },
    }
]
FORM_RENDERER = "openkap.care.form_renderer.ClinicForms"

# Languages and time
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("es", "Español")]
LOCALE_PATHS = [HERE / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH = ["openkap.care.formats"]

# Static files come from the same process, named by their content.
STATIC_URL = "/static/"
STATICFILES_DIRS = [HERE / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# People
AUTH_USER_MODEL = "accounts.Staff"
AUTHENTICATION_BACKENDS = ["openkap.care.accounts.backends.LockingBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "openkap.care.accounts.adapter.StaffAdapter"
MFA_ADAPTER = "openkap.care.accounts.adapter.SecondFactorAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_USER_MODEL_EMAIL_FIELD = "email"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_PREVENT_ENUMERATION = True
# An address that nobody has gets no mail: the library's would invite to sign up, which nobody can here.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "OpenKAP: "
# One account is guarded by our own lock (backends.py), in the database; here one address that tries many.
# Wrong second factors are counted for each person too, before the account's own lock sees them.
ACCOUNT_RATE_LIMITS = {"login_failed": "30/m/ip,10/5m/key"}
# How many proxies of this site's own write X-Forwarded-For; with none, what a client sends there is not read.
ALLAUTH_TRUSTED_PROXY_COUNT = _count("OPENKAP_TRUSTED_PROXIES")
_FORMS = "openkap.care.accounts.login_forms"
ACCOUNT_FORMS = {
    "login": f"{_FORMS}.LogIn",
    "reset_password": f"{_FORMS}.AskForLink",
    "reset_password_from_key": f"{_FORMS}.ChoosePassword",
    "change_password": f"{_FORMS}.ChangePassword",
    "reauthenticate": f"{_FORMS}.Password",
}
MFA_FORMS = {
    "authenticate": f"{_FORMS}.SecondFactor",
    "reauthenticate": f"{_FORMS}.SecondFactorAgain",
    "activate_totp": f"{_FORMS}.SetUpApp",
    "add_webauthn": f"{_FORMS}.AddPasskey",
    "edit_webauthn": f"{_FORMS}.RenamePasskey",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "OpenKAP"
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not IS_HTTPS
# Staff without a second factor reach only the page where they set one up.
REQUIRE_SECOND_FACTOR = _flag("OPENKAP_REQUIRE_SECOND_FACTOR", default=not DEMO)
# Wrong passwords in a row before the account waits, and how long it waits.
LOCKOUT_ATTEMPTS = _count("OPENKAP_LOCKOUT_ATTEMPTS", 5)
LOCKOUT_MINUTES = _count("OPENKAP_LOCKOUT_MINUTES", 15)
# A shared tablet asks who is there after this many idle minutes, and forgets after the second number.
LOCK_AFTER_MINUTES = _count("OPENKAP_LOCK_AFTER_MINUTES", 10)
SESSION_HOURS = _count("OPENKAP_SESSION_HOURS", 12)
BREAK_GLASS_MINUTES = _count("OPENKAP_BREAK_GLASS_MINUTES", 60)

SESSION_ENGINE = "openkap.care.accounts.sessions"
SESSION_COOKIE_AGE = SESSION_HOURS * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = IS_HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SECURE = IS_HTTPS
CSRF_TRUSTED_ORIGINS = [BASE_URL]
CSRF_FAILURE_VIEW = "openkap.care.views.csrf_failure"

# Headers: nothing inline, nothing from elsewhere.
SECURE_SSL_REDIRECT = IS_HTTPS
BEHIND_PROXY = _flag("OPENKAP_BEHIND_PROXY")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_HTTPS
SECURE_HSTS_PRELOAD = IS_HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        # data: for the second-factor QR code and drawn signatures.
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "worker-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
# An uploaded referral bundle is a few hundred kB; larger is a mistake or an attack.
DATA_UPLOAD_MAX_MEMORY_SIZE = 5_000_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000

# Rate limits of the login are counted here, shared by the processes of one machine. Django keeps 300 entries
# and then drops a third by lot: a stranger who tries that many names would take everybody's counts away. An
# address gets 30 wrong tries a minute and a name counts for five: this holds the names of 130 addresses. Each
# count lists the folder, so that many more would make every login slower.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": str(VAR / "cache"),
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}

# Shown to patients who answer questions, one tap away: "name: number". The demo's reaches nobody.
HELP_LINE = os.environ.get("OPENKAP_HELP_LINE", "Crisis line (invented): +1 555 0100" if DEMO else "")

# Messages (no health data in any of them)
# Whether the health page asks for jobs that run: openkap serve says so itself, unless it serves pages only.
JOBS_EXPECTED = _flag("OPENKAP_JOBS_EXPECTED")
MESSAGE_CHANNEL = os.environ.get("OPENKAP_CHANNEL") or "openkap.care.messaging.channels.ConsoleChannel"
# Text messages by a gateway that takes mail: "{number}@sms.example.org"; empty where the clinic has none.
TEXT_GATEWAY = os.environ.get("OPENKAP_TEXT_GATEWAY", "")
# Who asks for mail means a mail server; without, nothing leaves by accident.
_BACKEND = "smtp" if MESSAGE_CHANNEL.endswith("EmailChannel") else "console"
EMAIL_BACKEND = os.environ.get("OPENKAP_EMAIL_BACKEND", f"django.core.mail.backends.{_BACKEND}.EmailBackend")
# A mail server that does not answer must not hold up the next call.
EMAIL_TIMEOUT = 10
EMAIL_HOST = os.environ.get("OPENKAP_SMTP_HOST", "localhost")
EMAIL_PORT = _count("OPENKAP_SMTP_PORT", 25)
EMAIL_HOST_USER = os.environ.get("OPENKAP_SMTP_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("OPENKAP_SMTP_PASSWORD", "")
EMAIL_USE_TLS = _flag("OPENKAP_SMTP_TLS")
DEFAULT_FROM_EMAIL = os.environ.get("OPENKAP_FROM", "clinic@localhost")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "openkap.care.logs.JsonLines"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "openkap": {"level": "INFO"},
        "django": {"handlers": [], "level": "WARNING", "propagate": True},
    },
}
