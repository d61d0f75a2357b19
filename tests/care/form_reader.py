"""The forms of a page as a browser would send them, to post them with other words in their fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

TYPED = {"text", "number", "date", "datetime-local", "time", "email", "tel", "search", "textarea", "password"}
# What is put where the page leaves a field open.
USUAL = {
    "number": "1",
    "date": "2026-11-20",  # in the tests' past; what ends is given its own day by the test
    "datetime-local": "2026-12-01T10:00",
    "time": "10:00",
    "email": "somebody@example.org",
    "tel": "+1 555 0100 333",
}


@dataclass
class Form:
    """One form: where it goes, what it would send, and which of its fields are typed or chosen."""

    action: str
    values: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def typed(self) -> list[str]:
        return [name for name, kind in self.kinds.items() if kind in TYPED]

    def chosen(self) -> list[str]:
        return [name for name, kind in self.kinds.items() if kind not in TYPED]


class _Reader(HTMLParser):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.path, self.found, self.named = path, [], {}
        self.form: Form | None = None
        self.select = ""

    def handle_starttag(self, tag: str, given: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in given}
        if tag == "form":
            action = said.get("hx-post") or said.get("action") or self.path
            self.form = Form(action.split("#")[0])
            if said.get("id"):
                self.named[said["id"]] = self.form
            if "hx-post" in said or said.get("method", "").lower() == "post":
                self.found.append(self.form)
        elif tag == "option":
            self._option(said)
        elif said.get("name"):
            self._field(tag, said)

    def _field(self, tag: str, said: dict[str, str]) -> None:
        form = self.named.get(said["form"]) if "form" in said else self.form
        name = said["name"]
        if form is None:
            return
        kind = said.get("type", "submit" if tag == "button" else "text") if tag != "textarea" else tag
        if said.get("inputmode") in {"decimal", "numeric"} and kind == "text":
            kind = "number"
        if kind == "submit":
            form.buttons.append((name, said.get("value", "")))
            return
        if tag == "select":
            self.select = name
            form.kinds.setdefault(name, "select")
            form.values.setdefault(name, "")
            return
        form.kinds.setdefault(name, kind)
        value = said.get("value", "") or USUAL.get(kind, "words" if kind in TYPED else "")
        if kind in {"radio", "checkbox"}:
            value = said.get("value", "on")
        form.values.setdefault(name, value)

    def _option(self, said: dict[str, str]) -> None:
        if self.form is not None and self.select and not self.form.values.get(self.select):
            self.form.values[self.select] = said.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.form = None
        elif tag == "select":
            self.select = ""


def forms_of(path: str, page: str) -> list[Form]:
    """The forms of the page that are sent by POST, its choices made as the first of each."""
    reader = _Reader(path)
    reader.feed(page)
    return reader.found
