"""Long fuzz of the clinic over HTTP: the operations of the OpenAPI schema, every page, patients' links.

    python validation/fuzz/fuzz_api.py --minutes 10 --seed 1

A small synthetic clinic is filled in a folder of its own and asked through Django's test client, by everybody
of the cast and by nobody: cases made from the schema, bodies damaged at random, ids of other people and of
nobody, impossible dates, Unicode, long text, files that are none, links that are changed, ended, of another
purpose, or sent twice. Nothing may end in a 5xx, and of answers sent by a link each one is named as kept or
refused. Prints one line of JSON with what was sent and answered; exit code 1 with the requests at fault.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
import traceback
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

TEXTS = [
    *(
        "",
        " ",
        "x" * 20_000,
        "ñandú",
        "日本語のテキスト",
        "\u202eabc",
        "👩\u200d⚕️" * 40,
        "a\u0301" * 300,
        "\ud7ff",
    ),
    *(
        "%00",
        "../..",
        "<script>x</script>",
        "'; DROP TABLE x; --",
        "{{ 7 }}",
        "1e400",
        "NaN",
        "-1",
        "2147483648",
    ),
    *(
        "9" * 40,
        "1.5",
        "½",
        "٣",
        "null",
        "0000-00-00",
        "2026-02-30",
        "9999-12-31",
        "0001-01-01",
        "2026-11-23T25:00",
    ),
    *("2026-11-23", "2026-11-23T10:00", "10:00", "1900-01-01T00:00:00+23:59", "yes", "on", "\r\n\r\n", "\t"),
]
KINDS = [
    "application/json",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "image/png",
]
# Logs in, out or anew, or runs for seconds: not what is looked at here.
LEFT_OUT = re.compile(r"logout|demo|static|accounts/|lock/|\.woff|extract|schema")
# A place in an address: ``{uid:session}`` in the schema, ``<uid:session>`` in the pages.
PLACE = re.compile(r"[{<](?:\w+:)?(\w+)[}>]")
# Models that addresses call by another name.
CALLED = {"SafetySignal": "signal", "MaintenanceProposal": "proposal"}
FIELD = re.compile(r"""<(?:input|select|textarea|button)[^>]*\bname=["']([^"']+)["']""")
CHOICE = re.compile(r"""\bvalue=["']([^"']{0,80})["']""")


class Fuzz:
    """A filled clinic, its people's browsers, and what was sent so far."""

    def __init__(self, seed: int) -> None:
        from django.core.signals import got_request_exception

        self.random = Random(seed)
        self.seed = seed
        self.sent: Counter[str] = Counter()
        self.answered: Counter[int] = Counter()
        self.faults: list[dict[str, str]] = []
        self.trace = ""
        got_request_exception.connect(self._note, weak=False)
        self.rows = _rows()
        self.links = _links()
        self.operations = _operations()
        self.pages = _pages()
        self.uploads = [path for path in self.pages if "referrals/" in path and "<" not in path]
        self.people = _people()

    def _note(self, **sent: Any) -> None:
        self.trace = traceback.format_exc()[-1500:]

    def ask(self, what: str, method: str, path: str, by: str = "", **more: Any) -> Any:
        """Send one request as somebody; a 5xx is kept with its traceback."""
        from django.test import Client

        client = Client(raise_request_exception=False)
        if by:
            client.force_login(self.people[by])
        self.trace = ""
        try:
            answer = client.generic(method, path, **more)
            status = answer.status_code
        except Exception:
            # What even the server's own handling did not catch.
            self.trace, status, answer = traceback.format_exc()[-1500:], 599, None
        self.sent[what] += 1
        self.answered[status] += 1
        if status >= 500 and status != 503:
            self.fault(what, method, path, by, self.trace or str(status), more)
        return answer

    def fault(self, what: str, method: str, path: str, by: str, why: str, more: dict[str, Any]) -> None:
        """Keep one request at fault; the same fault is kept once."""
        last = why.strip().splitlines()[-1].partition(":")[0]
        place = f"{method} {re.sub(r'[0-9a-z]{12}', '*', path.split('?')[0])[:80]}"
        if not any(each["place"] == place and each["last"] == last for each in self.faults):
            body = str(more.get("data", ""))[:600]
            self.faults.append(
                {
                    "what": what,
                    "place": place,
                    "path": path[:300],
                    "by": by,
                    "last": last,
                    "body": body,
                    "trace": why,
                }
            )
            sys.stderr.write(json.dumps(self.faults[-1], ensure_ascii=True) + "\n")

    def filled(self, path: str) -> str:
        """A path with ids in it: of rows that belong together, that do not, of nobody, or no ids at all."""
        names = re.findall(PLACE, path)
        fitting = [row for name in names for row in self.rows.get(name, [])]
        own = self.random.choice(fitting) if fitting else None

        def one(found: re.Match[str]) -> str:
            name, chance = found[1], self.random.random()
            if name == "token":
                return self.token()
            if chance < 0.75 and own and name in own:
                return own[name]
            if chance < 0.9 and self.rows.get(name):
                return self.random.choice(self.rows[name])[name]
            return self.random.choice(["000000000000", quote(self.random.choice(TEXTS), safe="") or "x"])

        return re.sub(PLACE, one, path)

    def who(self) -> str:
        """Somebody of the cast, most often one who may do much; or nobody."""
        return self.random.choice(["ada", "ada", "ben", "cora", "tess", "dov", "sia", "ari", "eve", ""])

    def from_schema(self, examples: int = 4) -> None:
        """Cases that schemathesis makes for one operation."""
        from hypothesis import HealthCheck, Phase, given
        from hypothesis import seed as hypothesis_seed
        from hypothesis import settings as hypothesis_settings

        operation = self.random.choice(self.operations)

        @hypothesis_seed(self.random.randrange(2**32))
        @hypothesis_settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def send(case: Any) -> None:
            path = self.filled(operation.path)
            body = case.body if isinstance(case.body, dict | list) else None
            query = "&".join(
                f"{quote(str(key))}={quote(str(value))}" for key, value in (case.query or {}).items()
            )
            self.ask(
                "schema",
                operation.method.upper(),
                path,
                self.who(),
                data=json.dumps(body, default=str) if body is not None else "",
                content_type="application/json",
                QUERY_STRING=query,
            )
            if body is not None:
                self.damaged_body(operation, body)

        send()

    def damaged_body(self, operation: Any, body: Any) -> None:
        """The same body with values of the wrong kind in it, then with bytes of it spoiled."""
        from hostile import ATOMS, damaged, spoiled

        path = self.filled(operation.path)
        hurt = damaged(body, self.random) if body else body
        if isinstance(hurt, dict) and hurt:
            hurt[self.random.choice(list(hurt))] = self.random.choice([*ATOMS, *TEXTS])
        raw = json.dumps(hurt, default=str).encode("utf-8", "surrogatepass")
        if self.random.random() < 0.4:
            raw = spoiled(raw, self.random)
        self.ask(
            "damaged body",
            operation.method.upper(),
            path,
            self.who(),
            data=raw,
            content_type=self.random.choice(KINDS[:3] + KINDS[:1] * 6),
        )

    def token(self) -> str:
        """The token of a link: good, ended, of another purpose, changed, cut, or rubbish."""
        token = self.random.choice(self.links)
        way = self.random.random()
        if way < 0.6:
            return token
        if way < 0.8:
            at = self.random.randrange(len(token))
            return token[:at] + self.random.choice("aA0:_-") + token[at + 1 :]
        return (
            token[: self.random.randrange(1, len(token))]
            if way < 0.9
            else quote(self.random.choice(TEXTS), safe="") or "x"
        )

    def by_link(self) -> None:
        """Answers of a patient, sent twice: each one is kept or refused by name, both times."""
        token = self.token()
        forms = self.random.choice(_forms()) if self.random.random() < 0.9 else ["nobody"]
        taps = [
            {
                "form": self.random.choice(forms),
                "item": self.random.choice(["1", "2", "9", "sleep", "self-harm", "77", "ñ"]),
                "value": self.random.choice([0, 1, 2, 3, 4, 9, -1, None]),
                "client_id": f"fuzz-{self.random.randrange(10**9):09}",
                "answered_at": (
                    datetime.now(UTC) + timedelta(days=self.random.randint(-4000, 4000))
                ).isoformat(),
            }
            for _ in range(self.random.randint(1, 8))
        ]
        for _ in range(2):
            answer = self.ask(
                "link, sent twice",
                "POST",
                f"/api/link/{token}/answers",
                data=json.dumps({"answers": taps}),
                content_type="application/json",
            )
            if answer is not None and answer.status_code == 200:
                said = answer.json()
                named = {*said["kept"], *(each["client_id"] for each in said["refused"])}
                if named != {tap["client_id"] for tap in taps}:
                    self.fault(
                        "link",
                        "POST",
                        "/api/link/",
                        "",
                        "an answer is neither kept nor refused",
                        {"data": taps},
                    )
        fields = {f"{tap['form']}:{tap['item']}": tap["value"] for tap in taps} | {
            "act": self.random.choice(["save", "finish", ""])
        }
        data = "&".join(f"{quote(str(name))}={quote(str(value))}" for name, value in fields.items())
        self.ask(
            "link page", "POST", f"/a/{token}/", data=data, content_type="application/x-www-form-urlencoded"
        )
        self.ask("link page", "GET", f"/a/{self.token()}/{self.random.choice(['', 'thanks/'])}")

    def page(self) -> None:
        """A page, and its own form sent back with rubbish in some of its fields."""
        path = self.filled(self.random.choice(self.pages))
        by = self.who()
        answer = self.ask(
            "page",
            "GET",
            path,
            by,
            QUERY_STRING=f"q={quote(self.random.choice(TEXTS))}" if self.random.random() < 0.3 else "",
        )
        if (
            answer is None
            or answer.status_code != 200
            or "html" not in answer.headers.get("Content-Type", "")
        ):
            return
        shown = answer.content.decode(errors="replace")
        names, choices = FIELD.findall(shown), CHOICE.findall(shown) or [""]
        for _ in range(2 if names else 0):
            parts = [
                (name, self.random.choice(choices if self.random.random() < 0.6 else TEXTS)) for name in names
            ]
            data = "&".join(f"{quote(name)}={quote(value)}" for name, value in parts)
            self.ask(
                "form of a page",
                "POST",
                path,
                by,
                data=data,
                content_type="application/x-www-form-urlencoded",
            )

    def upload(self) -> None:
        """A file where a referral is asked for."""
        from django.core.files.uploadedfile import SimpleUploadedFile
        from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

        from hostile import spoiled

        good = self.random.choice(_referrals())
        raw = self.random.choice(
            [
                good,
                spoiled(good, self.random),
                spoiled(good, self.random),
                os.urandom(0),
                self.random.randbytes(5000),
                b"[" * 50_000,
            ]
        )
        name = self.random.choice(["r.json", "r.exe", "../../x", "ñ" * 200, "\u202e.json"])
        for field in ("file", "bundle", "referral"):
            data = encode_multipart(
                BOUNDARY,
                {
                    field: SimpleUploadedFile(name, raw, content_type=self.random.choice(KINDS)),
                    "act": "read",
                },
            )
            self.ask(
                "upload",
                "POST",
                self.random.choice(self.uploads),
                "cora",
                data=data,
                content_type=MULTIPART_CONTENT,
            )

    def run(self, minutes: float) -> dict[str, Any]:
        """Ask until the time is over."""
        end, turn = time.monotonic() + minutes * 60, 0
        ways = [self.from_schema, self.by_link, self.page, self.page, self.page, self.page, self.upload]
        while time.monotonic() < end:
            ways[turn % len(ways)]()
            turn += 1
        return {
            "seed": self.seed,
            "minutes": minutes,
            "requests": sum(self.sent.values()),
            "sent": dict(self.sent),
            "answered": {str(status): count for status, count in sorted(self.answered.items())},
            "faults": len(self.faults),
        }


def _rows() -> dict[str, list[dict[str, str]]]:
    """Ids by what addresses call them, each with the patient it belongs to."""
    from django.apps import apps

    found: dict[str, list[dict[str, str]]] = {}
    for model in apps.get_models():
        fields = {field.name for field in model._meta.concrete_fields}
        if "uid" not in fields:
            continue
        name = CALLED.get(model.__name__, model.__name__.lower())
        wanted = {"uid": name} | ({"patient__uid": "patient"} if "patient" in fields else {})
        for row in model._default_manager.order_by("pk").values(*wanted)[:40]:
            found.setdefault(name, []).append({called: str(row[field]) for field, called in wanted.items()})
    return found


def _links() -> list[str]:
    from openkap.care.accounts.links import make_link
    from openkap.care.outcomes.actions import fresh_link
    from openkap.care.outcomes.models import Invitation

    found = []
    for row in Invitation.objects.order_by("-due_at")[:60]:
        found.append(fresh_link(row))
        ended = timedelta(days=-1 if row.pk % 2 else -90)
        found.append(make_link("measure", f"{row.uid}.{row.link_number}", lasts=ended, url_name="answer"))
        found.append(make_link("other", row.uid, lasts=timedelta(days=1), url_name="answer"))
    return [address.rstrip("/").rsplit("/", 1)[1] for address in found]


@cache
def _forms() -> list[list[str]]:
    from openkap.care.outcomes.models import Form

    held: dict[int, list[str]] = {}
    for key, uid in Form.objects.order_by("-pk").values_list("invitation_id", "uid")[:150]:
        held.setdefault(key, []).append(uid)
    return list(held.values())


def _operations() -> list[Any]:
    import schemathesis

    from openkap.care.api.api import api

    plain = json.loads(json.dumps(api.get_openapi_schema(), default=str))
    return [each.ok() for each in schemathesis.openapi.from_dict(plain).get_all_operations()]


def _pages() -> list[str]:
    from django.urls import get_resolver

    found: list[str] = []

    def walk(patterns: Any, head: str) -> None:
        for each in patterns:
            path = head + str(each.pattern)
            if hasattr(each, "url_patterns"):
                walk(each.url_patterns, path)
            elif not LEFT_OUT.search(path) and not path.startswith("api/") and "token" not in path:
                found.append("/" + path.lstrip("^").rstrip("$").replace("\\", ""))

    walk(get_resolver().url_patterns, "")
    return found


def _people() -> dict[str, Any]:
    from openkap.care.accounts.models import Staff

    return {person.email.partition("@")[0]: person for person in Staff.objects.all()}


@cache
def _referrals() -> list[bytes]:
    from openkap.interop.synthetic import referrals

    return [each.content for each in referrals(datetime.now(UTC)) if len(each.content) < 200_000]


def main() -> int:
    """Fill, ask, tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="openkap-fuzz-") as folder:
        os.environ |= {
            "OPENKAP_VAR": folder,
            "OPENKAP_DEMO": "yes",
            "OPENKAP_HOSTS": "testserver",
            "DJANGO_SETTINGS_MODULE": "openkap.care.settings",
            "DATABASE_URL": "",
            "OPENKAP_CHANNEL": "openkap.care.messaging.channels.MemoryChannel",
        }
        os.environ.setdefault("OPENKAP_DEMO_PATIENTS", "20")
        import logging

        import django

        django.setup()
        logging.disable(logging.CRITICAL)
        from django.core.management import call_command

        from openkap.care.demo.fill import fill_if_empty

        call_command("migrate", verbosity=0)
        fill_if_empty()
        fuzz = Fuzz(given.seed)
        told = fuzz.run(given.minutes)
    sys.stdout.write(json.dumps(told) + "\n")
    return 1 if fuzz.faults else 0


if __name__ == "__main__":
    sys.exit(main())
