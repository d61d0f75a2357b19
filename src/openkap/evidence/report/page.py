"""The report as one HTML page that needs nothing but itself: no script, font or picture from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

from openkap.evidence.answers import Answer
from openkap.evidence.claims import Entry
from openkap.evidence.report import svg
from openkap.evidence.report.assemble import Report, answer_data, headline, methods, study_data
from openkap.evidence.report.blocks import (
    chip,
    figure,
    first_url,
    link,
    loud_box,
    paragraph,
    study_arm,
    table,
)
from openkap.evidence.report.forest_table import forest_table
from openkap.evidence.report.maps import GapMap, gap_map, prisma_flow, route_map
from openkap.evidence.report.marks import (
    Forest,
    ForestRow,
    beside_forest,
    forest_of,
    funnel_of,
    published_forest,
    time_course,
)
from openkap.evidence.ruling import VERDICTS
from openkap.evidence.study import Tier
from openkap.evidence.wording import effect, loud, normal_theory

STYLE_FILE = Path(__file__).with_name("style.css")
AREAS = {
    "efficacy": "Efficacy",
    "durability": "Durability and dose",
    "route": "Route",
    "mechanism": "Mechanism",
    "psychotherapy": "Psychotherapy",
    "safety": "Safety",
    "ethics": "Ethics",
    "gap": "Gaps in research",
    "access": "Access",
}
SECTIONS = (
    ("claims", "Every claim, and its verdict"),
    ("controlled", "Randomised trials: severity"),
    ("published", "Published pools beside ours"),
    ("course", "Over time, and by size"),
    ("other", "Response and staying in the study"),
    ("certainty", "How certain"),
    ("bias", "Risk of bias"),
    ("uncontrolled", "Without a control group"),
    ("beside", "Beside psychotherapy and MDMA"),
    ("maps", "What has been studied"),
    ("harms", "Harms"),
    ("prevention", "Prevention, kept apart"),
    ("integrity", "Numbers that do not add up"),
    ("flow", "Flow of records"),
    ("studies", "Every record"),
    ("methods", "Methods"),
    ("sources", "Where each number was read"),
)


def page(report: Report) -> str:
    """The whole page."""
    body = "".join(
        (
            _claims(report),
            _controlled(report),
            _published(report),
            _course(report),
            _other(report),
            _certainty(report),
            _bias(report),
            _uncontrolled(report),
            _beside(report),
            _maps(report),
            _harms(report),
            _prevention(report),
            _integrity(report),
            _flow(report),
            _studies(report),
            _methods(report),
            _sources(report),
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


def _section(key: str, *parts: str) -> str:
    title = dict(SECTIONS)[key]
    return f'<section aria-labelledby="{key}"><h2 id="{key}">{escape(title)}</h2>{"".join(parts)}</section>'


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
    return _section("claims", *parts)


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
        body.append(paragraph(f"Published: {review.name}, {estimate.sentence()}.{beside}", "small"))
    for each in entry.claim.context:
        links = ", ".join(f'<a href="{escape(url)}">{at}</a>' for at, url in enumerate(each.sources, 1))
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


def _forest_figure(answer: Answer, limits: tuple[float, float] | None = None, more: str = "") -> str:
    how = "; ".join(f"{each.study}: {each.how}" for each in answer.effects)
    caption = f"Certainty: {answer.certainty.level}. {how}. {normal_theory(answer)} {more}".strip()
    return figure(forest_table(forest_of(answer, limits)), caption)


def _controlled(report: Report) -> str:
    get = report.answers.get
    end, scale = get("severity_end"), (-1.6, 2.2)
    parts = [
        paragraph(f"At the end of a course of about one to two weeks: {effect(end)}."),
        loud_box(end),
        _forest_figure(end, scale),
        _forest_figure(get("severity_day_1")),
        _forest_figure(get("severity_month_1"), scale),
        _forest_figure(get("severity_month_3"), scale),
        "<h3>By symptom cluster, end of the course</h3>",
    ]
    names = ("intrusion_end", "avoidance_end", "mood_end", "arousal_end")
    rows = [row for name in names for row in _cluster_rows(get(name))]
    marks = Forest(
        "clusters",
        "The four clusters",
        "Hedges g",
        "favours control",
        "favours ketamine",
        False,
        *scale,
        tuple(rows),
    )
    others = len({each.study for name in names for each in get(name).silent})
    parts.append(
        figure(forest_table(marks), f"{others} randomised trials give no cluster number that could be read.")
    )
    return _section("controlled", *parts)


def _cluster_rows(answer: Answer) -> Iterable[ForestRow]:
    cluster = answer.analysis.cluster.replace("negative_cognition_mood", "negative mood and cognition")
    for row in forest_of(answer).rows:
        if row.kind != "silent" or row.url:
            yield ForestRow(
                f"{cluster[:1].upper()}{cluster[1:]}: {row.label}",
                row.note,
                row.kind,
                row.estimate,
                row.low,
                row.high,
                row.weight,
                row.prediction,
                row.url,
            )


def _published(report: Report) -> str:
    flagged = frozenset(finding.subject for finding in report.findings)
    ids = tuple(
        estimate.id
        for review in report.syntheses.reviews
        for estimate in review.estimates
        if estimate.measure == "Hedges g"
    )
    rows = []
    for review in report.syntheses.reviews:
        raw = [estimate for estimate in review.estimates if estimate.measure != "Hedges g"]
        for at, estimate in enumerate(raw):
            found = [f for f in report.findings if f.subject == estimate.id]
            doubts = [f"⚑ {each.check}: {each.sentence}" for each in found] or [estimate.note or ""]
            if at == 0:
                doubts += list(review.caveats)
            name = link(review.name, next((p.url for p in review.places.values()), None)) if at == 0 else ""
            rows.append((name, estimate.sentence(), ". ".join(each for each in doubts if each)))
    unusable = [review for review in report.syntheses.reviews if not review.usable_pool]
    return _section(
        "published",
        figure(
            forest_table(published_forest(report.syntheses, ids, flagged)),
            "Exactly as printed. The estimates come from overlapping effect sizes and are not independent.",
        ),
        table(("Review", "As printed", "Caution"), rows, "Published pools on raw scales and of counts"),
        paragraph(
            f"{len(unusable)} further reviews gave no pooled value that could be read: "
            + ", ".join(review.name for review in unusable)
            + ".",
            "small",
        ),
    )


def _course(report: Report) -> str:
    course = time_course(report.base, report.answers)
    left = figure(
        _inline(svg.time_course(course)),
        "Randomised trials with standardised numbers. Not drawn, because they give none: "
        f"{', '.join(course.silent)}.",
    )
    marks = funnel_of(report.answers.get("severity_end"))
    right = figure(_inline(svg.funnel(marks)), marks.caution) if marks else ""
    return _section("course", f'<div class="pair">{left}{right}</div>')


def _inline(document: str) -> str:
    """A drawing inside the page: the page's own colours apply, and its ids are made the page's."""
    start, end = document.index("<style>"), document.index("</style>") + len("</style>")
    label = escape(document[document.index('<title id="t">') + 14 : document.index("</title>")])
    text = document[:start] + document[end:]
    text = text.replace('class="alone" ', "").replace('aria-labelledby="t d"', f'aria-label="{label}"')
    return text.replace('<title id="t">', "<title>").replace('<desc id="d">', "<desc>").strip()


def _other(report: Report) -> str:
    get = report.answers.get
    return _section(
        "other",
        _forest_figure(
            get("response_end"),
            None,
            "The two trials define response differently: a 30% fall on CAPS-5, and a fall of 10 points on "
            "PCL-5.",
        ),
        _forest_figure(get("noncompletion")),
    )


def _certainty(report: Report) -> str:
    rows = []
    for answer in report.answers.by_id.values():
        if answer.analysis.population == "treatment" and answer.analysis.design == "controlled":
            reasons = "; ".join(
                f"{d.name} {d.words}: {d.reason}" + ("" if d.judged_by == "rule" else f" [{d.judged_by}]")
                for d in answer.certainty.domains
                if d.level
            )
            rows.append(
                (
                    escape(answer.analysis.question),
                    f"{effect(answer)}",
                    f"<b>{escape(answer.certainty.level)}</b>",
                    reasons,
                )
            )
    return _section(
        "certainty",
        paragraph(
            "Rules propose by the GRADE domains, starting from high for randomised trials; a named reviewer "
            "may override any of them."
        ),
        table(("Question", "Says", "Certainty", "Taken down for"), rows, "Certainty by question", raw=(0, 2)),
    )


def _bias(report: Report) -> str:
    rows = []
    for study in report.base.studies:
        if study.is_controlled:
            rob = study.risk_of_bias
            told = (
                f"{rob.overall} ({rob.tool}, {rob.judged_by}): "
                + "; ".join(f"{k} {v}" for k, v in rob.domains.items())
                if rob
                else "not judged: no reviewer's judgement could be read, and none is made up"
            )
            rows.append(
                (
                    link(study.name, first_url(study)),
                    study.design.blinding or "not found",
                    (study.comparator or "not found").replace("_", " "),
                    told,
                )
            )
    return _section(
        "bias",
        paragraph(
            "Ketamine is felt. Blinding can fail even against an active placebo, and no trial's check of "
            "blinding could be read."
        ),
        table(("Trial", "Blinding, as stated", "Comparator", "Risk of bias"), rows, "Randomised trials"),
    )


def _uncontrolled(report: Report) -> str:
    answer = report.answers.get("change_uncontrolled")
    spread = answer.range_by_correlation
    more = (
        f"Varying the assumed correlation moves the pool from {spread[0]:.1f} to {spread[1]:.1f}."
        if spread
        else ""
    )
    out = "; ".join(f"{each.effect.study}: {each.reason}" for each in answer.left_out)
    return _section(
        "uncontrolled",
        paragraph(
            "These studies show how far scores fell, not what ketamine did: people enter when they are at "
            "their worst, "
            "expect much, and get attention and often therapy. They are never pooled with trials and "
            "support no claim."
        ),
        _forest_figure(answer, None, f"{more} Left out: {out}." if out else more),
    )


def _beside(report: Report) -> str:
    waiting = sum(trial.control == "Waitlist" for each in report.besides for trial in each.trials)
    rows = []
    for each in report.besides:
        rows.append(
            (
                escape(each.comparator.label),
                f"{len(each.trials)}",
                f"I² {each.pooled.i2:.0f}%",
                each.comparator.attribution,
            )
        )
    return _section(
        "beside",
        _joined(report),
        f'<p class="loud" role="note"><b>Not a comparison.</b> {escape(report.connection.sentence)}</p>',
        figure(
            forest_table(beside_forest(report.answers, list(report.besides), report.syntheses)),
            f"{waiting} of the psychotherapy trials compare with a waiting list, MDMA and ketamine trials "
            "with placebo "
            "or an active drug: a larger number here is not a better treatment. Dashed: prediction interval.",
        ),
        table(("Data", "Trials", "Spread", "Attribution"), rows, "The comparator data", raw=(0,)),
    )


def _joined(report: Report) -> str:
    """The indirect comparison, where trials tie ketamine to a comparator."""
    joined = report.joined
    if joined is None:
        return ""
    rows = tuple(
        ForestRow(f"Ketamine against {each.treatment}", "network", "pool", each.estimate, each.low, each.high)
        for each in joined.against
    )
    marks = Forest(
        "joined", "Network", "Hedges g", "favours the other", "favours ketamine", False, -3.0, 3.0, rows
    )
    return figure(forest_table(marks), joined.sentence)


def _map(marks: GapMap, lead: str) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in marks.columns)
    body = ""
    for row in marks.rows:
        cells = ""
        for column in marks.columns:
            cell = marks.cell(row, column)
            if cell is None:
                cells += '<td class="gap">none</td>'
            else:
                names = escape(", ".join(cell.studies))
                people = f"{cell.people} people" if cell.people else "size not found"
                cells += (
                    f'<td class="has" title="{names}"><b>{len(cell.studies)}</b><span>{people}</span></td>'
                )
        body += f'<tr><th scope="row">{escape(row)}</th>{cells}</tr>'
    return (
        f'<div class="wide"><table class="map"><caption>{escape(marks.title)}</caption><thead><tr><th '
        'scope="col">'
        f"{escape(lead)}</th>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _maps(report: Report) -> str:
    return _section(
        "maps",
        _map(route_map(report.base), "Route"),
        paragraph(
            "People in studies that probably overlap are counted more than once here; of registered studies "
            "the planned number is counted where none is enrolled yet.",
            "small",
        ),
        _map(gap_map(report.base), "Outcome"),
        paragraph(
            "Only outcomes with numbers that could be read count; results told in words are not a number.",
            "small",
        ),
    )


def _harms(report: Report) -> str:
    rows = []
    for study in report.base.studies:
        for event in study.adverse_events:
            counts = ", ".join(
                f"{study_arm(study, arm)}: {count}"
                + (f" of {event.at_risk[arm]}" if arm in event.at_risk else "")
                for arm, count in event.events.items()
            )
            rows.append(
                (
                    link(study.name, first_url(study)),
                    event.term,
                    counts or "no counts read",
                    event.note or "",
                )
            )
    safety = [entry for entry in report.entries if entry.claim.area == "safety"]
    return _section(
        "harms",
        paragraph(" ".join(part.because for entry in safety for part in entry.parts)),
        table(("Study", "Harm", "Counts", "Note"), rows, "Harms as far as they were read"),
    )


def _prevention(report: Report) -> str:
    return _section(
        "prevention",
        paragraph(
            "Ketamine given around surgery or injury is another question in other people, answered by "
            "cohorts that "
            "differ in how badly people were hurt. The pool is shown to say how little it settles."
        ),
        _forest_figure(report.answers.get("prevention_incidence")),
    )


def _integrity(report: Report) -> str:
    rows = [(each.subject, each.check, each.severity, each.sentence, each.remedy) for each in report.findings]
    return _section(
        "integrity",
        paragraph("Every number passes named checks. What fails stays visible, with the reason."),
        table(
            ("Number", "Check", "Weight", "What is wrong", "What to do"),
            [tuple(map(escape, row)) for row in rows],
            "Findings",
            raw=(0, 1, 2, 3, 4),
        ),
    )


def _flow(report: Report) -> str:
    items = "".join(
        f'<li><div class="box"><b>{box.count}</b>{escape(box.text)}</div><div '
        f'class="aside">{escape(box.aside)}</div></li>'
        for box in prisma_flow(report.base, report.answers)
    )
    return _section(
        "flow",
        f'<ol class="flow">{items}</ol>',
        paragraph(
            "How many records were searched and screened before is not held, so those boxes of a PRISMA "
            "diagram are not drawn.",
            "small",
        ),
    )


def _studies(report: Report) -> str:
    rows = []
    for study in sorted(report.base.records, key=lambda each: (each.group.value, each.name)):
        data = study_data(study)
        about = "; ".join(str(data[key]) for key in ("drug", "route") if data[key])
        about += f"; {data['doses']} doses" if data["doses"] else ""
        about += f"; with {data['therapy']}" if data["therapy"] else ""
        about += f"; against {data['comparator']}" if data["comparator"] else ""
        rows.append(
            (
                link(study.name, first_url(study)) + (" <b>RETRACTED</b>" if study.retracted else ""),
                study.group.value.replace("_", " "),
                str(data["people"]) if data["people"] is not None else "not found",
                about or "not found",
                "; ".join(study.missing[:4]) + (" …" if len(study.missing) > 4 else ""),
            )
        )
    return _section(
        "studies",
        f"<details><summary><b>Show all {len(rows)} records, with what is missing of each</b></summary>",
        table(("Record", "Kind", "People", "Given", "Not found"), rows, "Every record held"),
        "</details>",
    )


def _methods(report: Report) -> str:
    return _section("methods", *(paragraph(each) for each in methods(report)))


def _sources(report: Report) -> str:
    items = []
    for study in report.base.records:
        for outcome in study.outcomes:
            if outcome.kind == "qualitative":
                continue
            links = ", ".join(
                f'<a href="{escape(study.places[key].url)}">{escape(study.places[key].url)}</a> '
                f"(tier {study.places[key].tier.value})"
                for key in outcome.sources
            )
            where = f": {escape(outcome.where)}" if outcome.where else ""
            items.append(f"<li>{escape(study.name)}, {escape(outcome.id)}{where}. {links}</li>")
    tiers = "; ".join(f"{tier.value} {tier.words}" for tier in Tier)
    return _section(
        "sources",
        f'<h3>Reports</h3><ol class="refs">{"".join(_citations(report))}</ol>',
        paragraph("Titles are short descriptions in our own words.", "small"),
        "<h3>Numbers</h3>",
        paragraph(f"Tiers: {tiers}.", "small"),
        f"<details><summary><b>Show the place of each of {len(items)} outcomes</b></summary>"
        f'<ol class="refs">{"".join(items)}</ol></details>',
    )


def _citations(report: Report) -> Iterable[str]:
    """Every report of a study or review that has an author, as a reference."""
    cited = [study.citation for study in report.base.records if study.record in ("study", "companion")]
    cited += [review.citation for review in report.syntheses.reviews]
    for each in sorted(cited, key=lambda c: ((c.authors or "~").casefold(), c.year or 0)):
        if not each.authors or each.authors.startswith("("):
            continue
        where = " ".join(part for part in (each.journal, each.pages) if part)
        known = (
            [f'doi <a href="https://doi.org/{escape(each.doi)}">{escape(each.doi)}</a>'] if each.doi else []
        )
        known += [f"PMID {escape(each.pmid)}"] if each.pmid else []
        known += [escape(", ".join(each.registrations))] if each.registrations else []
        yield (
            f"<li>{escape(each.authors)}{f' ({each.year})' if each.year else ''}. {escape(each.title)}. "
            f"{escape(where) + '. ' if where else ''}{'; '.join(known)}</li>"
        )


def answers_table(report: Report) -> list[dict[str, object]]:
    """Every question's answer as a flat row, for the CSV."""
    keep = (
        "question",
        "measure",
        "design",
        "population",
        "estimate",
        "interval",
        "prediction",
        "tau2",
        "i2",
        "certainty",
        "not_in",
    )
    return [
        {
            "id": key,
            "studies": len(answer.effects),
            "people": answer.people,
            "people_without_numbers": answer.silent_people,
            **{name: answer_data(answer)[name] for name in keep},
        }
        for key, answer in report.answers.by_id.items()
    ]
