"""Serves one small clinic whose clock the journey turns, or runs its jobs once at that clock.

``serve_clinic.py serve PORT`` and ``serve_clinic.py jobs``: real processes on a real database, as ``openkap
serve`` runs them; the one thing of its own is how late it is: ``clock`` in the installation's folder says by how
many seconds the clinic is ahead of the wall.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server


def main(what: str, *rest: str) -> None:
    import django

    django.setup()
    from openkap.care.moment import clock_at

    if what == "jobs":
        with clock_at(clock()):
            _run_jobs()
        return
    _open_clinic()
    _serve(int(rest[0]))


def clock():
    """The wall's time and what the journey put on top."""
    from django.conf import settings

    from openkap.core.clock import system_clock

    path = Path(settings.VAR) / "clock"

    def read() -> datetime:
        ahead = float(path.read_text()) if path.exists() else 0.0
        return system_clock() + timedelta(seconds=ahead)

    return read


def _open_clinic() -> None:
    """The cast of the demo; every patient comes through the browser."""
    from openkap.care.accounts.models import Clinic
    from openkap.care.demo.cast import hire
    from openkap.care.moment import now

    if not Clinic.objects.exists():
        hire(now() - timedelta(days=30))


def _run_jobs() -> None:
    from openkap.care.jobs import Schedule

    schedule = Schedule(worker="journey", last={})
    schedule.run_due()
    # What one job wrote, the first of the next round sends.
    schedule.last.clear()
    schedule.run_due()


class Threaded(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def _serve(port: int) -> None:
    from openkap.care.moment import clock_at
    from openkap.care.wsgi import application

    ticking = clock()

    def told_the_time(environ, start_response):
        with clock_at(ticking):
            return application(environ, start_response)

    make_server("127.0.0.1", port, told_the_time, server_class=Threaded, handler_class=Quiet).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
