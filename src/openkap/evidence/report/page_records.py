"""The sections on what is held: maps, harms, flow, records, sources."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from openkap.evidence.report.addresses import address_of, pubmed_address, registry_address
from openkap.evidence.report.assemble import Report, study_data
from openkap.evidence.report.blocks import (
    link,
    paragraph,
    source,
    study_arm,
    table,
)
from openkap.evidence.report.maps import GapMap, gap_map, prisma_flow, route_map
from openkap.evidence.report.sections import section
from openkap.evidence.study import Tier
from openkap.evidence.wording import dashed, heading


def maps(report: Report) -> str:
    """What has been studied."""
    return section(
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
        body += f'<tr><th scope="row">{escape(heading(row))}</th>{cells}</tr>'
    return (
        f'<div class="wide"><table class="map"><caption>{escape(marks.title)}</caption><thead><tr><th '
        'scope="col">'
        f"{escape(lead)}</th>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def harms(report: Report) -> str:
    """Harms as far as they were read."""
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
                    link(study.name, address_of(study)),
                    event.term,
                    counts or "no counts read",
                    event.note or "",
                )
            )
    safety = [entry for entry in report.entries if entry.claim.area == "safety"]
    return section(
        "harms",
        *(paragraph(part.sentence) for entry in safety for part in entry.parts),
        table(("Study", "Harm", "Counts", "Note"), rows, "Harms as far as they were read"),
    )


def flow(report: Report) -> str:
    """The flow of records."""
    items = "".join(
        f'<li><div class="box"><b>{box.count}</b>{escape(box.text)}</div><div '
        f'class="aside">{escape(box.aside)}</div></li>'
        for box in prisma_flow(report.base, report.answers)
    )
    return section(
        "flow",
        f'<ol class="flow">{items}</ol>',
        paragraph(
            "How many records were searched and screened before is not held, so those boxes of a PRISMA "
            "diagram are not drawn.",
            "small",
        ),
    )


def studies(report: Report) -> str:
    """Every record."""
    rows = []
    for study in sorted(report.base.records, key=lambda each: (each.group.value, each.name)):
        data = study_data(study)
        about = "; ".join(str(data[key]) for key in ("drug", "route") if data[key])
        about += f"; {data['doses']} doses" if data["doses"] else ""
        about += f"; with {data['therapy']}" if data["therapy"] else ""
        about += f"; against {data['comparator']}" if data["comparator"] else ""
        rows.append(
            (
                link(study.name, address_of(study)) + (" <b>RETRACTED</b>" if study.retracted else ""),
                study.group.value.replace("_", " "),
                str(data["people"]) if data["people"] is not None else "not found",
                about or "not found",
                "; ".join(study.missing[:4]) + (" …" if len(study.missing) > 4 else ""),
            )
        )
    return section(
        "studies",
        f"<details><summary><b>Show all {len(rows)} records, with what is missing of each</b></summary>",
        table(("Record", "Kind", "People", "Given", "Not found"), rows, "Every record held"),
        "</details>",
    )


def sources(report: Report) -> str:
    """References, and where each number was read."""
    items = []
    for study in report.base.records:
        for outcome in study.outcomes:
            if outcome.kind == "qualitative":
                continue
            links = ", ".join(
                f"{source(study.places[key].url)} (tier {study.places[key].tier.value})"
                for key in outcome.sources
            )
            where = f": {escape(outcome.where)}" if outcome.where else ""
            items.append(f"<li>{escape(study.name)}, {escape(outcome.id)}{where}. {links}</li>")
    tiers = "; ".join(f"{tier.value} {tier.words}" for tier in Tier)
    return section(
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
        where = " ".join(part for part in (each.journal, dashed(each.pages or "")) if part)
        known = [f"doi {link(each.doi, f'https://doi.org/{each.doi}')}"] if each.doi else []
        known += [f"PMID {link(each.pmid, pubmed_address(each.pmid))}"] if each.pmid else []
        known += [
            link(number, registry_address(number)) if number.startswith("NCT") else escape(number)
            for number in each.registrations
        ]
        yield (
            f"<li>{escape(each.authors)}{f' ({each.year})' if each.year else ''}. {escape(each.title)}. "
            f"{escape(where) + '. ' if where else ''}{'; '.join(known)}</li>"
        )
