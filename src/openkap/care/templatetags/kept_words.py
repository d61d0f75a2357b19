"""What somebody wrote never goes with a refusal: where the page lacks its field, it stands above the page."""

from __future__ import annotations

from collections.abc import Mapping

from django import template
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest
from django.template.defaultfilters import capfirst
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from openkap.care.accounts.locking import SECRETS
from openkap.core.errors import DomainError

register = template.Library()

# Fields of one's own words; in any other, what has no space between two words was chosen, not written.
WRITTEN = frozenset(
    {"reason", "done", "text", "note", "said", "because", "words", "review", "name", "escort"}
)
# What proves who somebody is, what the page itself put into the form, and a drawn signature.
NOT_WORDS = frozenset({*SECRETS, "csrfmiddlewaretoken", "held", "back", "next", "strokes"})


@register.tag
def keepwords(parser: template.base.Parser, token: template.base.Token) -> template.Node:
    """``{% keepwords %}...{% endkeepwords %}`` around what a page shows."""
    inside = parser.parse(("endkeepwords",))
    parser.delete_first_token()
    return _Kept(inside)


class _Kept(template.Node):
    def __init__(self, nodelist: template.NodeList) -> None:
        self.nodelist = nodelist

    def render(self, context: template.Context) -> SafeString:
        page = self.nodelist.render(context)
        request = context.get("request")
        if request is None or request.method != "POST":
            return page
        refused = context.get("error")
        why = refused if isinstance(refused, DomainError) and not _is_said(refused, page) else None
        lost = missing_words(_sent(request), page)
        if not (lost or why):
            return page
        assert context.template
        note = context.template.engine.get_template("components/kept_words.html")
        return mark_safe(note.render(context.new({"lost": lost, "why": why})) + page)  # noqa: S308 - both are rendered


def _sent(request: HttpRequest) -> Mapping[str, str]:
    """The form; nothing of one that could not be read, which the page is then about."""
    try:
        return request.POST
    except (BadRequest, SuspiciousOperation, OSError):
        return {}


def _is_said(refused: DomainError, page: str) -> bool:
    """Whether the page says why: the part that would say it may have gone, too."""
    return escape(refused.what) in page or escape(capfirst(refused.what)) in page


def missing_words(sent: Mapping[str, str], page: str) -> list[tuple[str, str]]:
    """What was written and does not stand on the page: the field in words, and what stood in it."""
    return [
        (name.replace("_", " ").capitalize(), text)
        for name, text in ((name, str(sent[name]).strip()) for name in sent)
        if text
        and name not in NOT_WORDS
        and (name in WRITTEN or len(text.split()) > 1)
        and escape(text) not in page
    ]
