"""Takes an extract, says so half-way, and waits to be killed. Run by ``test_killed_extract.py``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any


def main() -> None:
    import django

    django.setup()
    from openkap.care.insights import rows

    translators = rows.tables()

    def patients(source: Any) -> Iterator[Any]:
        for number, row in enumerate(translators["patient"](source)):
            if number == 2:
                sys.stdout.write("half-way\n")
                sys.stdout.flush()
                sys.stdin.read()
            yield row

    from openkap.care.insights import extract

    extract.tables = lambda: {**translators, "patient": patients}
    from openkap.commands.clinic_extract import Wish, extract_clinics

    extract_clinics(Wish(whole=True))


if __name__ == "__main__":
    main()
