"""Codes of a record and the elements they answer.

SNOMED CT, RxNorm and LOINC codes match exactly as listed. ICD-10, ICD-10-CM and ATC are classifications whose
codes contain their category, so a listed category matches every code below it; what is listed in ICD-10-CM is
looked for in ICD-10 too, from which it was made. Text never matches: it is listed for a person to read, and
where it is the name of something listed, the question stays open until then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from openkap.core.coding import Codelist, Coding, read_codelist, short_system
from openkap.core.content import SHIPPED, Tally, content_files
from openkap.core.errors import ContentError, DomainError, InputError, quote
from openkap.interop.fhir.codelist_check import check_codelist
from openkap.interop.fhir.fields import Resource, part, parts, text
from openkap.protocol.elements import Dictionary, Element, dictionary, read_dictionary

Kind = Literal["condition", "medicine", "allergy"]
# Where a resource says what it is about, and how much of that is looked at when it cannot be read.
NAMED_BY = ("code", "medicationCodeableConcept", "medicationReference", "component")
MOST_GLIMPSED = 20
HIERARCHIES = frozenset({"icd10cm", "icd10", "atc"})
# A category that is wider than a listed one begins with at least these: I25 above I25.4.
SHORTEST_CATEGORY = 3
_WORD = re.compile(r"[^\W\d_]+")
_KIND_OF_CONCEPT = re.compile(r" \((disorder|finding)\)$")
NAMES = {
    "sct": "SNOMED CT",
    "loinc": "LOINC",
    "icd10cm": "ICD-10-CM",
    "icd10": "ICD-10",
    "rxnorm": "RxNorm",
    "atc": "ATC",
}


# What a coded result means that leaves the question open: who is not pregnant may become so.
SAYS_NOTHING = "says nothing"


@dataclass(frozen=True, slots=True)
class Concept:
    """A CodeableConcept: its codings of known systems, its text, and what else it carried."""

    codings: tuple[Coding, ...]
    text: str
    unknown: tuple[str, ...]

    def shown(self) -> str:
        """The concept in words and codes."""
        codes = [f"{NAMES.get(each.system, each.system)} {each.code}" for each in self.codings]
        words = self.text or next((each.display for each in self.codings if each.display), "")
        named = ", ".join([*codes, *self.unknown])
        return quote(f"{words} ({named})" if words and named else words or named or "nothing")


def read_concept(holder: Resource, name: str) -> Concept:
    """The CodeableConcept at ``name``; empty when it is not there."""
    return concept_of(part(holder, name))


def concept_of(concept: Resource) -> Concept:
    """A CodeableConcept's object as a ``Concept``."""
    codings, unknown = [], []
    for coding in parts(concept, "coding"):
        code, uri = text(coding, "code"), text(coding, "system")
        system = short_system(uri)
        if code and system:
            codings.append(Coding(system, code, text(coding, "display")))
        elif code:
            unknown.append(f"{quote(uri) or 'no system'}: {quote(code)}")
    words = text(concept, "text") or next(
        (text(each, "display") for each in parts(concept, "coding") if each.get("display")), ""
    )
    return Concept(tuple(codings), words, tuple(unknown))


def glimpse(resource: Resource) -> Concept:
    """The codes and words of a resource that cannot be read, so that it is listed by its name."""
    codings: list[Coding] = []
    words, unknown = "", []
    waiting: list[Any] = [resource.get(name) for name in NAMED_BY]
    while waiting and len(codings) < MOST_GLIMPSED:
        each = waiting.pop(0)
        if isinstance(each, list):
            waiting[:0] = each[:MOST_GLIMPSED]
        elif isinstance(each, dict):
            said = {name: text for name, text in each.items() if isinstance(text, str)}
            words = words or said.get("text", "") or said.get("display", "")
            code, system = said.get("code", ""), short_system(said.get("system", ""))
            if code and system:
                codings.append(Coding(system, code.strip(), said.get("display", "")))
            elif code:
                unknown.append(f"{quote(said.get('system', '')) or 'no system'}: {quote(code)}")
            waiting[:0] = [each.get("coding"), *([each["code"]] if not code and "code" in each else [])]
        elif isinstance(each, str):
            words = words or each
    return Concept(tuple(codings), words, tuple(unknown))


def status_code(holder: Resource, name: str) -> str:
    """The code of a status given as a CodeableConcept, such as clinicalStatus; ``""`` when absent."""
    for coding in parts(part(holder, name), "coding"):
        if text(coding, "code"):
            return text(coding, "code").lower()
    return text(part(holder, name), "text").lower()


@dataclass(frozen=True)
class CodeIndex:
    """Which elements a code answers."""

    listed: dict[tuple[str, str, str], tuple[Element, ...]]
    by_loinc: dict[str, tuple[Element, ...]]
    answers: dict[str, frozenset[tuple[str, str]]]
    by_id: dict[str, Element]
    by_name: dict[tuple[str, str], tuple[Element, ...]]
    wider: dict[tuple[str, str, str], tuple[Element, ...]]

    def find(self, kind: Kind, concept: Concept) -> list[tuple[Element, Coding]]:
        """Every element that a coding of the concept answers, each once, with that coding."""
        found: dict[str, tuple[Element, Coding]] = {}
        for coding in concept.codings:
            for system, code in _at_and_above(coding):
                for element in self.listed.get((kind, system, code), ()):
                    found.setdefault(element.id, (element, coding))
        return list(found.values())

    def perhaps(self, kind: Kind, *concepts: Concept) -> list[Element]:
        """Elements that unmatched concepts may mean: by the name of a listed thing, or as a wider code."""
        found: dict[str, Element] = {}
        for concept in concepts:
            for name in _names_said(kind, concept):
                found |= {each.id: each for each in self.by_name.get((kind, name), ())}
            for coding in concept.codings:
                for system, code in _at_and_above(coding)[:2]:
                    found |= {each.id: each for each in self.wider.get((kind, system, code), ())}
        return list(found.values())

    def asked_by(self, concept: Concept) -> list[tuple[Element, Coding]]:
        """Every element that this observation code answers."""
        return [
            (element, coding)
            for coding in concept.codings
            if coding.system == "loinc"
            for element in self.by_loinc.get(coding.code, ())
        ]

    def answer(self, element: Element, result: Concept) -> str:
        """The choice that a coded result means, ``SAYS_NOTHING``, or ``InputError``."""
        for choice, codelist in element.codes.answers.items():
            if any((each.system, each.code) in self.answers[codelist] for each in result.codings):
                return choice
        raise InputError(
            "a coded result that is not listed",
            value=result.shown(),
            limit=", ".join(element.choices) or "a listed code",
            remedy="ask what the result was",
        )


def _at_and_above(coding: Coding) -> list[tuple[str, str]]:
    """System and code as compared, and in a classification the categories it belongs to."""
    if coding.system not in HIERARCHIES:
        return [(coding.system, coding.code)]
    systems = ("icd10", "icd10cm") if coding.system == "icd10" else (coding.system,)
    plain = coding.code.upper().replace(".", "")[:12]
    return [(system, plain[:length]) for length in range(len(plain), 0, -1) for system in systems]


def _names_said(kind: Kind, concept: Concept) -> Iterator[str]:
    """The names in a concept's words: each word for substances, the whole for diagnoses."""
    for said in (concept.text, *(each.display for each in concept.codings)):
        if kind == "condition":
            yield _diagnosis(said)
        else:
            yield from (word.casefold() for word in _WORD.findall(said))


def _diagnosis(display: str) -> str:
    return " ".join(_KIND_OF_CONCEPT.sub("", display.strip()).casefold().split())


def _name_of(coding: Coding, kind: Kind) -> str:
    """What a listed code is called in a record; ``""`` where its display is no name but a description."""
    if kind == "condition":
        return _diagnosis(coding.display)
    name = coding.display.removesuffix(", branded drug").casefold()
    return name if _WORD.fullmatch(name) else ""


def build_index(dictionary: Dictionary, codelists: dict[str, Codelist]) -> CodeIndex:
    """The index over what screening asks; ``ContentError`` when a named codelist is not there."""
    listed: dict[tuple[str, str, str], list[Element]] = {}
    by_loinc: dict[str, list[Element]] = {}
    answers: dict[str, frozenset[tuple[str, str]]] = {}
    by_name: dict[tuple[str, str], list[Element]] = {}
    wider: dict[tuple[str, str, str], list[Element]] = {}
    for element in dictionary.elements.values():
        if element.asked != "screening":
            continue
        for code in element.codes.loinc:
            by_loinc.setdefault(code, []).append(element)
        if element.codes.codelist:
            for coding in _named(codelists, element.codes.codelist, element).codings:
                kind, code = element.codes.kind, _as_listed(coding)
                listed.setdefault((kind, coding.system, code), []).append(element)
                if name := _name_of(coding, kind):
                    by_name.setdefault((kind, name), []).append(element)
                for length in range(SHORTEST_CATEGORY, len(code) if coding.system in HIERARCHIES else 0):
                    wider.setdefault((kind, coding.system, code[:length]), []).append(element)
        for name in element.codes.answers.values():
            codings = _named(codelists, name, element).codings
            answers[name] = frozenset((each.system, each.code) for each in codings)
    return CodeIndex(
        {key: tuple(each) for key, each in listed.items()},
        {key: tuple(each) for key, each in by_loinc.items()},
        answers,
        {each.id: each for each in dictionary.elements.values() if each.asked == "screening"},
        {key: tuple(each) for key, each in by_name.items()},
        {key: tuple(each) for key, each in wider.items()},
    )


def _as_listed(coding: Coding) -> str:
    return coding.code.upper().replace(".", "") if coding.system in HIERARCHIES else coding.code


def _named(codelists: dict[str, Codelist], name: str, element: Element) -> Codelist:
    if name not in codelists:
        raise ContentError(
            "an element names a codelist that is not there",
            value=name,
            remedy=f"add codelists/{name}.csv, or correct the element {element.id}",
        )
    return codelists[name]


def read_codelists(root: Path = SHIPPED) -> dict[str, Codelist]:
    """Every codelist below ``root/codelists``, by name."""
    return {path.stem: read_codelist(path) for path in content_files("codelists", root=root, suffix=".csv")}


def tally(root: Path) -> list[Tally]:
    """How many codelists and codes there are; every file that cannot be read, and every name without one."""
    lists, codes = Tally("codelists"), Tally("codes in them")
    read: dict[str, Codelist] = {}
    for path in content_files("codelists", root=root, suffix=".csv"):
        try:
            read[path.stem] = read_codelist(path)
        except DomainError as refused:
            lists.errors.append(refused)
            continue
        lists.errors.extend(check_codelist(read[path.stem], str(path)))
        lists.add()
        codes.count += len(read[path.stem].codings)
    if not lists.errors:
        try:
            build_index(read_dictionary(root), read)
        except DomainError as refused:
            lists.errors.append(refused)
    return [lists, codes]


@lru_cache(maxsize=4)
def shipped_index() -> CodeIndex:
    """The index of the shipped dictionary and codelists, once a process."""
    return build_index(dictionary(), read_codelists())
