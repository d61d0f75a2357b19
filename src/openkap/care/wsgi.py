"""The door for a WSGI server; ``openkap serve`` starts gunicorn on it."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "openkap.care.settings")
application = get_wsgi_application()
