"""PubMed: XML (DTD pubmed_250101) and MEDLINE text (.nbib), with retraction and correction links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from openkap.core.errors import InputError
from openkap.evidence.importers.reference import (
    Notice,
    Reference,
    find_doi,
    find_registrations,
    find_year,
)

# CommentsCorrections RefType (XML) and tag (MEDLINE) of what a living review must act on.
XML_NOTICES = {
    "RetractionIn": "retraction",
    "ExpressionOfConcernIn": "concern",
    "ErratumIn": "erratum",
    "UpdateIn": "update",
    "CorrectedandRepublishedIn": "republished",
}
MEDLINE_NOTICES = {
    "RIN": "retraction",
    "ECI": "concern",
    "EIN": "erratum",
    "UIN": "update",
    "CRI": "republished",
}
_TAG = re.compile(r"^([A-Z][A-Z0-9 ]{1,3})- ?(.*)$")


def read_pubmed_xml(text: str, where: str = "PubMed XML") -> list[Reference]:
    """Every PubmedArticle of a PubmedArticleSet.

    Raises ``InputError`` for text that is not XML, declares entities (a known way to exhaust a reader),
    or holds no article.
    """
    if "<!ENTITY" in text:
        raise InputError(
            "XML that declares entities is not read", where=where, remedy="export it again from PubMed"
        )
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - entity declarations are refused above
    except ElementTree.ParseError as failed:
        raise InputError(f"not readable as XML: {failed}", where=where, remedy="export it again") from None
    articles = list(root.iter("PubmedArticle"))
    if not articles:
        raise InputError(
            "no PubmedArticle in the file", value=root.tag, where=where, remedy="export as PubMed XML"
        )
    return [_article(article, f"{where}, record {at}") for at, article in enumerate(articles, 1)]


def _article(node: ElementTree.Element, where: str) -> Reference:
    citation = node.find("MedlineCitation")
    if citation is None:
        raise InputError("a PubmedArticle without MedlineCitation", where=where, remedy="export it again")
    article = citation.find("Article")
    ids = {
        each.get("IdType", ""): _text(each) for each in node.iterfind("PubmedData/ArticleIdList/ArticleId")
    }
    doi = ids.get("doi") or next(
        (_text(each) for each in citation.iterfind("Article/ELocationID") if each.get("EIdType") == "doi"),
        None,
    )
    abstract = "\n".join(
        f"{part.get('Label')}: {_text(part)}" if part.get("Label") else _text(part)
        for part in citation.iterfind("Article/Abstract/AbstractText")
    )
    numbers = [
        _text(each)
        for each in citation.iterfind(".//DataBankList/DataBank/AccessionNumberList/AccessionNumber")
    ]
    date = article.find("Journal/JournalIssue/PubDate") if article is not None else None
    return Reference(
        title=_path(citation, "Article/ArticleTitle") or "(no title)",
        where=where,
        authors=tuple(_authors(citation)),
        year=find_year(" ".join(date.itertext()) if date is not None else None),
        journal=_path(citation, "Article/Journal/ISOAbbreviation")
        or _path(citation, "Article/Journal/Title"),
        volume=_path(citation, "Article/Journal/JournalIssue/Volume"),
        issue=_path(citation, "Article/Journal/JournalIssue/Issue"),
        pages=_path(citation, "Article/Pagination/MedlinePgn"),
        doi=doi.lower() if doi else None,
        pmid=_path(citation, "PMID"),
        pmcid=ids.get("pmc"),
        registrations=find_registrations(*numbers),
        mentioned=find_registrations(abstract),
        abstract=abstract or None,
        types=tuple(_text(each) for each in citation.iterfind("Article/PublicationTypeList/PublicationType")),
        keywords=tuple(
            _text(each) for each in citation.iterfind("MeshHeadingList/MeshHeading/DescriptorName")
        ),
        notices=tuple(_xml_notices(citation)),
    )


def _authors(citation: ElementTree.Element) -> Iterator[str]:
    for author in citation.iterfind("Article/AuthorList/Author"):
        last, initials = _path(author, "LastName"), _path(author, "Initials")
        name = " ".join(part for part in (last, initials) if part) or _path(author, "CollectiveName")
        if name:
            yield name


def _xml_notices(citation: ElementTree.Element) -> Iterator[Notice]:
    for link in citation.iterfind("CommentsCorrectionsList/CommentsCorrections"):
        kind = XML_NOTICES.get(link.get("RefType", ""))
        if kind:
            yield Notice(kind, _path(link, "RefSource") or "", _path(link, "PMID"))


def _path(node: ElementTree.Element, path: str) -> str | None:
    found = node.find(path)
    return (_text(found) or None) if found is not None else None


def _text(node: ElementTree.Element) -> str:
    return " ".join("".join(node.itertext()).split())


def read_nbib(text: str, where: str = "MEDLINE") -> list[Reference]:
    """Every record of a MEDLINE text: tag in columns 1-4, a hyphen, continuation lines indented."""
    records: list[list[tuple[str, str]]] = []
    current: list[tuple[str, str]] = []
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        if not line.strip():
            if current:
                records.append(current)
                current = []
            continue
        match = _TAG.match(line)
        if match:
            if match.group(1).strip() == "PMID" and any(tag == "PMID" for tag, _ in current):
                records.append(current)
                current = []
            current.append((match.group(1).strip(), match.group(2).strip()))
        elif line[0].isspace() and current:
            tag, value = current[-1]
            current[-1] = (tag, f"{value} {line.strip()}")
        else:
            raise InputError(
                "a line that is neither a tag nor a continuation",
                value=line,
                limit="a tag in columns 1-4 and a hyphen in column 5, or an indented line",
                remedy="export it again as PubMed format",
                where=f"{where}, line {number}",
            )
    if current:
        records.append(current)
    if not records:
        raise InputError("no record in the file", where=where, remedy="export it again as PubMed format")
    return [_medline(record, f"{where}, record {at}") for at, record in enumerate(records, 1)]


def _medline(record: list[tuple[str, str]], where: str) -> Reference:
    def every(*tags: str) -> list[str]:
        return [value for tag, value in record if tag in tags and value]

    def first(*tags: str) -> str | None:
        return next((value for wanted in tags for tag, value in record if tag == wanted and value), None)

    located = [value for value in every("LID", "AID") if value.endswith("[doi]")]
    notices = [
        Notice(kind, value, match.group(1) if (match := re.search(r"PMID:\s*(\d+)", value)) else None)
        for tag, kind in MEDLINE_NOTICES.items()
        for value in every(tag)
    ]
    return Reference(
        title=first("TI", "BTI") or "(no title)",
        where=where,
        authors=tuple(every("AU", "CN")),
        year=find_year(first("DP")),
        journal=first("TA", "JT"),
        volume=first("VI"),
        issue=first("IP"),
        pages=first("PG"),
        doi=find_doi(located[0]) if located else None,
        pmid=first("PMID"),
        pmcid=first("PMC"),
        registrations=find_registrations(*every("SI")),
        mentioned=find_registrations(first("AB")),
        abstract=first("AB"),
        types=tuple(every("PT")),
        keywords=tuple(every("MH", "OT")),
        notices=tuple(notices),
    )


def read_pubmed(path: Path) -> list[Reference]:
    """A PubMed file of either form, told apart by its content."""
    text = path.read_text(encoding="utf-8-sig")
    return read_pubmed_xml(text, str(path)) if text.lstrip().startswith("<") else read_nbib(text, str(path))
