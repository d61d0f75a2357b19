"""The report as one HTML page that needs nothing but itself: no script, font or picture from elsewhere."""

from __future__ import annotations

from html import escape
from pathlib import Path

from openkap.evidence.claims import AREAS, Entry
from openkap.evidence.report.assemble import Report, headline
from openkap.evidence.report.blocks import (
    chip,
    loud_box,
    paragraph,
    source,
)
from openkap.evidence.report.page_effects import (
    beside,
    controlled,
    course,
    other,
    prevention,
    uncontrolled,
)
from openkap.evidence.report.page_published import published
from openkap.evidence.report.page_records import flow, harms, maps, sources, studies
from openkap.evidence.report.page_robustness import another_way
from openkap.evidence.report.page_trust import bias, certainty, integrity, what_was_run
from openkap.evidence.report.sections import SECTIONS, section
from openkap.evidence.ruling import VERDICTS
from openkap.evidence.wording import loud

STYLE_FILE = Path(__file__).with_name("style.css")


def page(report: Report) -> str:
    """The whole page."""
    body = "".join(
        (
            _claims(report),
            controlled(report),
            published(report),
            another_way(report),
            course(report),
            other(report),
            certainty(report),
            bias(report),
            uncontrolled(report),
            beside(report),
            maps(report),
            harms(report),
            prevention(report),
            integrity(report),
            flow(report),
            studies(report),
            what_was_run(report),
            sources(report),
        )
    )
    contents = "".join(f'<li><a href="#{key}">{escape(title)}</a></li>' for key, title in SECTIONS)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        "<title>Ketamine for PTSD: what the evidence held here says</title>"
        f"<style>{STYLE_FILE.read_text(encoding='utf-8')}</style></head><body>"
        f"{_header(report)}"
        f'<nav aria-label="Contents"><ol>{contents}</ol></nav><main>{body}</main>'
        f"<footer><p>OpenKAP living evidence report, {report.as_of.isoformat()}, inputs "
        f"{report.fingerprint}. "
        "It informs; it does not advise on any one person's care.</p></footer></body></html>\n"
    )


def _header(report: Report) -> str:
    sentences = headline(report)
    main = report.answers.get("severity_end")
    silence = loud(main)
    first = "".join(f"<p>{escape(each)}</p>" for each in sentences[:2])
    rest = "".join(f"<p>{escape(each)}</p>" for each in sentences[2:] if each != silence)
    return (
        '<header><p class="kicker">Living evidence report</p><h1>Ketamine for post-traumatic stress '
        "disorder: what "
        'the evidence held here says, and what it does not</h1><p class="meta">As of '
        f"{report.as_of.isoformat()} · "
        f"{len(report.base.records)} records · most read as abstracts or registry pages, not as full "
        "papers</p>"
        f'<div class="brief">{first}</div>{loud_box(main)}<div class="brief">{rest}</div></header>'
    )


def _claims(report: Report) -> str:
    tally = "".join(
        f"<li><b>{sum(entry.verdict == verdict for entry in report.entries)}</b>{chip(verdict)}</li>"
        for verdict in VERDICTS
    )
    parts = [
        f'<ul class="tally">{tally}</ul>',
        paragraph(
            "Rules propose each verdict from the data held; a named reviewer may override one with a "
            "reason. Results "
            "without a control group never support a claim. Open a claim for its reasons, numbers and "
            "sources."
        ),
    ]
    for area, title in AREAS.items():
        entries = [entry for entry in report.entries if entry.claim.area == area]
        if entries:
            parts.append(f"<h3>{escape(title)}</h3>{''.join(_claim(entry, report) for entry in entries)}")
    return section("claims", *parts)


def _claim(entry: Entry, report: Report) -> str:
    body = []
    for part in entry.parts:
        body.append(
            f"<p>{chip(part.verdict)} <b>{escape(part.text[:1].upper() + part.text[1:])}.</b> "
            f'{escape(part.because)} <span class="small">Judged from {escape(part.judged_from)}.</span></p>'
        )
        if part.not_in:
            head, _, rest = part.not_in.partition(":")
            body.append(f'<p class="small"><b>{escape(head.capitalize())}:</b>{escape(rest)}</p>')
    for review, estimate in entry.published:
        flag = report.flag(estimate.id)
        beside = f" ⚑ {flag}" if flag else f" ({estimate.note})" if estimate.note else ""
        body.append(paragraph(f"Published: {review.name}, {review.sentence(estimate)}.{beside}", "small"))
    for each in entry.claim.context:
        links = ", ".join(source(url, str(at)) for at, url in enumerate(each.sources, 1))
        body.append(
            f'<p class="small">{escape(each.say)} (strength: {escape(each.grade)}; read at {links})</p>'
        )
    if entry.claim.override:
        given = entry.claim.override
        body.insert(
            0,
            paragraph(
                f"{given.reviewer} judged this {given.verdict} on {given.on.isoformat()}: {given.reason}"
            ),
        )
    certainty = f" Certainty: {entry.certainty}." if entry.certainty else ""
    body.append(f'<p class="small">In the product: {escape(entry.claim.answered_by)}.{certainty}</p>')
    return (
        f'<details class="claim" id="{entry.claim.id}"><summary><span class="id">{entry.claim.id}</span>'
        f'<span>{escape(entry.claim.claim)}</span>{chip(entry.verdict)}</summary><div class="body">'
        f"{''.join(body)}</div></details>"
    )
