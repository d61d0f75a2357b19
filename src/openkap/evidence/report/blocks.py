"""Pieces of the page: section, paragraph, verdict, table, figure, link."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from openkap.evidence.answers import Answer
from openkap.evidence.report.addresses import is_kept
from openkap.evidence.study import Study
from openkap.evidence.wording import loud, minus


def loud_box(answer: Answer) -> str:
    """Who is not in the number, in a box that cannot be missed."""
    return caution_box(loud(answer))


def caution_box(text: str) -> str:
    """A sentence with a head, ``HEAD: rest``, in a box that cannot be missed; nothing for no text."""
    if not text:
        return ""
    head, _, rest = text.partition(":")
    return f'<p class="loud" role="note"><b>{escape(head)}:</b>{escape(minus(rest))}</p>'


def left_out_table(answer: Answer) -> str:
    """What is held for a question and is not in its number, with the reason; nothing where all is in it."""
    rows = [(each.study, each.outcome_id, minus(each.reason)) for each in answer.left_out]
    if not rows:
        return ""
    caption = f"Held and left out: {answer.analysis.question}"
    return table(("Study", "Result left out", "Why"), rows, caption, raw=())


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph; nothing for no text."""
    return f"<p{f' class={kind}' if kind else ''}>{escape(text)}</p>" if text else ""


def chip(verdict: str) -> str:
    """A verdict as word and sign; the sign comes from the style sheet."""
    return f'<span class="chip v-{verdict.replace(" ", "-")}">{escape(verdict)}</span>'


def figure(body: str, caption: str) -> str:
    """A figure with its caption."""
    return f"<figure>{body}<figcaption>{escape(caption)}</figcaption></figure>"


def inline(document: str) -> str:
    """A drawing inside the page: the page's own colours apply, and its ids are made the page's."""
    start, end = document.index("<style>"), document.index("</style>") + len("</style>")
    # The title is escaped already.
    label = document[document.index('<title id="t">') + 14 : document.index("</title>")]
    text = document[:start] + document[end:]
    text = text.replace('class="alone" ', "").replace('aria-labelledby="t d"', f'aria-label="{label}"')
    return text.replace('<title id="t">', "<title>").replace('<desc id="d">', "<desc>").strip()


def study_arm(study: Study, arm_id: str) -> str:
    """An arm as a reader knows it."""
    arm = study.arm(arm_id)
    return arm.label if arm else arm_id


def table(
    head: tuple[str, ...], rows: Sequence[tuple[str, ...]], caption: str, raw: tuple[int, ...] = (0,)
) -> str:
    """A table that stacks on a narrow screen; columns in ``raw`` hold markup already."""
    top = "".join(f'<th scope="col">{escape(each)}</th>' for each in head)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td data-label="{escape(head[at])}">{cell if at in raw else escape(cell)}</td>'
            for at, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return (
        '<div class="wide"><table '
        f'class="stack"><caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def link(text: str, url: str | None) -> str:
    """A link where the address belongs to one who keeps the work, else the text."""
    return f'<a href="{escape(url)}">{escape(text)}</a>' if url and is_kept(url) else escape(text)


def source(url: str, text: str | None = None) -> str:
    """A place something was read in: linked where it may be, else its address as plain text."""
    return link(text or url, url) if is_kept(url) else escape(url)
