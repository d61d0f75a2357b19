"""Invented referrals: records as health systems write them, facts files, and files that must be refused.

Nobody here exists. The same seed and moment always give the same bytes; dates lie before ``as_of``, so that
readings are as fresh or as old as the case says.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from openkap.core.clock import aware
from openkap.core.coding import SYSTEMS
from openkap.interop.fhir.questionnaire_response import SCREENING
from openkap.protocol.elements import Dictionary, dictionary

Json = dict[str, Any]
UCUM = "http://unitsofmeasure.org"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFIED = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
NOT_READ = "not read"

# The answers of somebody whom no screening rule stops; quantities as written in a facts file.
WELL: dict[str, Any] = {
    "ptsd_dsm5_confirmed": True,
    "caps5_total_past_month": 38,
    "pcl5_total": 52,
    "criterion_a_event_recorded_lec5": True,
    "trauma_focused_psychotherapy_offered_or_ongoing": True,
    "failed_evidence_based_ptsd_medication_trials": 2,
    "psychotropic_dose_stable_days": "60 d",
    "has_capacity_and_signed_consent": True,
    "reading_grade_level": 10,
    "support_person_named": True,
    "mental_health_professional_and_medical_professional_named": True,
    "ecg_findings": "none",
    "qtcf": "412 ms",
    "baseline_cadss": 2,
    "lorazepam_equivalent_daily": "0 mg/d",
    "recreational_ketamine_or_pcp_past_year": 0,
    "myocardial_infarction": "never",
    "alcohol_or_drug_use_disorder_moderate_severe": "never",
    "opioid_use": "never",
}
# Elements that the record itself answers in these cases.
RECORDED = frozenset({"age", "sex", "sbp_resting", "dbp_resting", "body_weight", "height", "bmi"})
PANEL = {
    "alt": ("1742-6", "Alanine aminotransferase", "U/L", "24"),
    "ast": ("1920-8", "Aspartate aminotransferase", "U/L", "22"),
    "ggt": ("2324-2", "Gamma glutamyl transferase", "U/L", "30"),
    "bilirubin_total": ("14631-6", "Bilirubin.total", "umol/L", "9"),
    "albumin": ("1751-7", "Albumin", "g/dL", "4.3"),
    "alp": ("6768-6", "Alkaline phosphatase", "U/L", "71"),
}
# Codes of everyday care that no screening rule asks about.
EVERYDAY = (
    ("444814009", "Viral sinusitis"),
    ("195662009", "Acute viral pharyngitis"),
    ("162864005", "Obesity"),
)
GIVEN = ("Alex", "Dana", "Jordan", "Kim", "Robin", "Sasha", "Toni", "Uli")
FAMILY = ("Sample", "Invented", "Specimen", "Example", "Madeup")


@dataclass(frozen=True, slots=True)
class Case:
    """One file: its name, what it shows, the verdict it should get, and its bytes."""

    name: str
    shows: str
    verdict: str
    content: bytes


@dataclass
class Record:
    """An invented patient's record while it is written."""

    random: Random
    as_of: datetime
    age: int = 41
    sex: str = "female"
    entries: list[Json] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.patient = self._uuid()
        self.entries.append(self._patient())

    def _uuid(self) -> str:
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def _patient(self) -> Json:
        born = self.as_of.date() - timedelta(days=round(self.age * 365.25) + 40 + self.random.randrange(90))
        return {
            "resourceType": "Patient",
            "id": self.patient,
            "identifier": [{"system": "urn:openkap:invented", "value": self.patient[:8]}],
            "name": [
                {
                    "family": self.random.choice(FAMILY),
                    "given": [self.random.choice(GIVEN)],
                    "use": "official",
                }
            ],
            "gender": self.sex,
            "birthDate": born.isoformat(),
        }

    def day(self, days_ago: float) -> str:
        """A moment before the assessment, as FHIR writes it."""
        return (self.as_of - timedelta(days=days_ago)).isoformat(timespec="seconds")

    def add(self, kind: str, **fields: Any) -> Json:
        """Append a resource about the patient."""
        holder = "patient" if kind in ("AllergyIntolerance", "Claim", "Immunization") else "subject"
        resource = {
            "resourceType": kind,
            "id": self._uuid(),
            holder: {"reference": f"Patient/{self.patient}"},
            **fields,
        }
        self.entries.append(resource)
        return resource

    def observe(self, code: str, display: str, value: str, unit: str, days_ago: float = 3) -> Json:
        """A final reading with its unit."""
        return self.add(
            "Observation",
            status="final",
            code=concept("loinc", code, display),
            effectiveDateTime=self.day(days_ago),
            valueQuantity=quantity(value, unit),
        )

    def pressure(self, systolic: int, diastolic: int, days_ago: float = 3) -> Json:
        """A blood pressure panel with its two components."""
        return self.add(
            "Observation",
            status="final",
            code=concept("loinc", "85354-9", "Blood pressure panel"),
            effectiveDateTime=self.day(days_ago),
            component=[
                {
                    "code": concept("loinc", "8462-4", "Diastolic blood pressure"),
                    "valueQuantity": quantity(str(diastolic), "mm[Hg]"),
                },
                {
                    "code": concept("loinc", "8480-6", "Systolic blood pressure"),
                    "valueQuantity": quantity(str(systolic), "mm[Hg]"),
                },
            ],
        )

    def condition(
        self,
        code: str,
        display: str,
        *,
        system: str = "sct",
        onset: str = "",
        clinical: str = "active",
        verification: str = "confirmed",
    ) -> Json:
        """A coded problem; entered-in-error ones have no clinical status, as R4 demands."""
        status = {"clinicalStatus": {"coding": [{"system": CLINICAL, "code": clinical}]}} if clinical else {}
        return self.add(
            "Condition",
            **status,
            verificationStatus={"coding": [{"system": VERIFIED, "code": verification}]},
            code=concept(system, code, display),
            **({"onsetDateTime": onset} if onset else {}),
        )

    def prescribe(self, code: str, display: str, status: str = "active") -> Json:
        """A prescription under its RxNorm code."""
        return self.add(
            "MedicationRequest",
            status=status,
            intent="order",
            medicationCodeableConcept=concept("rxnorm", code, display),
            authoredOn=self.day(20),
        )

    def vitals_and_labs(self, days_ago: float = 3, **values: str) -> Record:
        """Weight, height, pressure, and a liver panel without anything to report."""
        self.observe("29463-7", "Body weight", values.get("weight", "71.4"), "kg", days_ago)
        self.observe("8302-2", "Body height", "172", "cm", days_ago)
        self.pressure(int(values.get("sbp", "122")), int(values.get("dbp", "78")), days_ago)
        for name, (code, display, unit, usual) in PANEL.items():
            self.observe(code, display, values.get(name, usual), unit, days_ago)
        return self

    def everyday(self, years: int = 4) -> Record:
        """Visits, claims, vaccines and passing illness of some years, and older readings."""
        for year in range(1, years + 1):
            days = 365 * year + self.random.randrange(60)
            visit = self.add(
                "Encounter",
                status="finished",
                **{"class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}},
                period={"start": self.day(days), "end": self.day(days - 0.02)},
            )
            self._claim(visit, days)
            self.add(
                "Immunization",
                status="completed",
                vaccineCode=concept("http://hl7.org/fhir/sid/cvx", "140", "Influenza, seasonal"),
                occurrenceDateTime=self.day(days),
            )
            self.condition(*self.random.choice(EVERYDAY), onset=self.day(days), clinical="resolved")
            self.observe("29463-7", "Body weight", str(70 + self.random.randrange(8)), "kg", days)
            self.pressure(116 + self.random.randrange(12), 70 + self.random.randrange(12), days)
        return self

    def _claim(self, visit: Json, days: float) -> None:
        self.add(
            "Claim",
            status="active",
            type={
                "coding": [
                    {"system": "http://terminology.hl7.org/CodeSystem/claim-type", "code": "professional"}
                ]
            },
            use="claim",
            created=self.day(days),
            provider={"display": "Invented clinic"},
            priority={"coding": [{"code": "normal"}]},
            insurance=[{"sequence": 1, "focal": True, "coverage": {"display": "Invented cover"}}],
            item=[
                {
                    "sequence": 1,
                    "productOrService": {"text": "Visit"},
                    "encounter": [{"reference": f"Encounter/{visit['id']}"}],
                }
            ],
        )

    def answer(self, elements: Dictionary, days_ago: float = 1, **changed: Any) -> Record:
        """The screening questionnaire, answered: no to every question, but for ``WELL`` and ``changed``."""
        items = [
            {"linkId": name, "text": elements[name].ask, "answer": [_answered(value)]}
            for name, value in answers(elements, changed).items()
            if name not in RECORDED | PANEL.keys()
        ]
        self.add(
            "QuestionnaireResponse",
            status="completed",
            questionnaire=f"{SCREENING}|1.0.0",
            authored=self.day(days_ago),
            item=items,
        )
        return self

    def collection(self) -> Json:
        """The record as an export: ids, references by type and id."""
        return {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [
                {"fullUrl": f"https://ehr.example/fhir/{each['resourceType']}/{each['id']}", "resource": each}
                for each in self.entries
            ],
        }

    def searchset(self) -> Json:
        """The record as a server answers a search."""
        bundle = self.collection()
        entries = [{**each, "search": {"mode": "match"}} for each in bundle["entry"]]
        return {**bundle, "type": "searchset", "total": len(entries), "entry": entries}

    def transaction(self) -> Json:
        """The record as Synthea writes it: references by urn:uuid, entries to be posted."""
        kinds = {each["id"]: each["resourceType"] for each in self.entries}
        written = json.dumps(self.entries)
        for name, kind in kinds.items():
            written = written.replace(f'"{kind}/{name}"', f'"urn:uuid:{name}"')
        return {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {
                    "fullUrl": f"urn:uuid:{each['id']}",
                    "resource": each,
                    "request": {"method": "POST", "url": each["resourceType"]},
                }
                for each in json.loads(written)
            ],
        }


def concept(system: str, code: str, display: str) -> Json:
    """A CodeableConcept with one coding; ``system`` is a short name or a URI."""
    uri = SYSTEMS.get(system, system)
    return {"coding": [{"system": uri, "code": code, "display": display}], "text": display}


def quantity(value: str, unit: str) -> Json:
    """A Quantity with its UCUM code; the number as JSON."""
    number = float(value)
    return {
        "value": int(number) if number.is_integer() else number,
        "unit": unit,
        "system": UCUM,
        "code": unit,
    }


def answers(elements: Dictionary, changed: Mapping[str, Any]) -> dict[str, Any]:
    """An answer to every screening question that is put first; ``None`` in ``changed`` leaves one open."""
    given: dict[str, Any] = {}
    for name, element in elements.elements.items():
        if element.asked == "screening" and not element.follows:
            if element.kind == "yes_no":
                given[name] = False
            if name in WELL:
                given[name] = WELL[name]
    given.update(changed)
    return {name: value for name, value in given.items() if value is not None}


def _answered(value: Any) -> Json:
    if isinstance(value, bool):
        return {"valueBoolean": value}
    if isinstance(value, int):
        return {"valueInteger": value}
    number, _, unit = value.partition(" ")
    if unit and number.replace(".", "", 1).isdigit():
        return {"valueQuantity": quantity(number, unit)}
    return {"valueDate": value} if value[:1].isdigit() else {"valueString": value}


def referrals(as_of: datetime, seed: int = 1, elements: Dictionary | None = None) -> list[Case]:
    """All cases, in name order; ``verdict`` is what the shipped IV protocol should say."""
    maker = Maker(aware(as_of), seed, elements or dictionary())
    return sorted([*maker.records(), *maker.facts_files(), *maker.hostile()], key=lambda case: case.name)


@dataclass(frozen=True)
class Maker:
    """Writes the cases for one moment and seed."""

    as_of: datetime
    seed: int
    elements: Dictionary

    def person(self, name: str, age: int = 41, sex: str = "female") -> Record:
        """A new invented person; each has a stream of chance of their own."""
        chance = Random(f"{self.seed} {name}")  # noqa: S311 - invented people, not secrets
        return Record(chance, self.as_of, age, sex)

    def screened(self, name: str, age: int = 41, sex: str = "female", **changed: Any) -> Record:
        """A person with vitals, labs, some years of care, and the screening questionnaire answered."""
        return self.person(name, age, sex).everyday().vitals_and_labs().answer(self.elements, **changed)

    def records(self) -> Iterator[Case]:
        """Records that can be read."""
        person = self.screened("eligible-1", 38, "male")
        yield _json("eligible-synthea-style", "a Synthea-style transaction", "eligible", person.transaction())
        person = self.screened("eligible-2", 59)
        yield _json("eligible-search-result", "a server's search result", "eligible", person.searchset())
        person = self.screened("eligible-3")
        person.observe("29463-7", "Body weight", "154.3", "[lb_av]", 1)
        person.condition("22298006", "Myocardial infarction", clinical="", verification="entered-in-error")
        yield _json(
            "eligible-pounds-and-errors", "pounds; an entry made in error", "eligible", person.collection()
        )
        yield from self.for_review()
        yield from self.excluded()
        yield from self.incomplete()

    def for_review(self) -> Iterator[Case]:
        """Records with something a clinician or a later date must settle."""
        person = self.person("pressure").vitals_and_labs(sbp="146", dbp="88").answer(self.elements)
        yield _json("review-pressure", "146/88 mm[Hg] at rest", "needs_clinician_review", person.collection())
        person = self.screened("bipolar", bipolar_disorder_history=None)
        person.condition("13746004", "Bipolar disorder", onset="2011")
        yield _json(
            "review-bipolar",
            "bipolar disorder since 2011",
            "needs_clinician_review",
            person.searchset(),
        )
        person = self.screened("benzodiazepine", lorazepam_equivalent_daily="3 mg/d")
        yield _json(
            "review-benzodiazepine", "3 mg lorazepam a day", "needs_clinician_review", person.transaction()
        )
        person = self.person("liver").vitals_and_labs(alt="180").answer(self.elements)
        yield _json("delay-liver", "ALT 180 U/L", "delay", person.collection())

    def excluded(self) -> Iterator[Case]:
        """Records with a reason that stands whatever else is missing."""
        person = self.screened("aneurysm")
        person.condition("433068007", "Aneurysm of thoracic aorta")
        yield _json(
            "excluded-aneurysm-denied",
            "the questionnaire says no, the record has an aneurysm",
            "excluded",
            person.collection(),
        )
        person = self.screened("infarction", 66, myocardial_infarction=None)
        person.condition("22298006", "Myocardial infarction", onset=self.person("").day(20))
        yield _json("excluded-infarction", "a heart attack 20 days ago", "excluded", person.transaction())
        person = self.person("allergy")
        person.add(
            "AllergyIntolerance",
            code=concept("rxnorm", "6130", "ketamine"),
            clinicalStatus={
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical",
                        "code": "active",
                    }
                ]
            },
            recordedDate="2019-05",
        )
        yield _json("excluded-allergy", "ketamine allergy, little else known", "excluded", person.searchset())
        person = self.person("schizophrenia", 29, "male").everyday(2)
        person.condition("F20.9", "Schizophrenia, unspecified", system="icd10cm", onset="2018-03")
        yield _json("excluded-schizophrenia", "schizophrenia by ICD-10-CM", "excluded", person.collection())
        person = self.screened("minor", 16)
        yield _json("excluded-minor", "16 years old", "excluded", person.transaction())

    def incomplete(self) -> Iterator[Case]:
        """Records that leave a question open."""
        person = self.person("silent", 47).everyday(8).vitals_and_labs()
        yield _json(
            "incomplete-record-only", "a record alone never says no", "incomplete", person.transaction()
        )
        person = self.person("old").vitals_and_labs(days_ago=200).answer(self.elements)
        yield _json("incomplete-old-readings", "readings 200 days old", "incomplete", person.collection())
        person = self.screened("undated", 70, "male", myocardial_infarction=None)
        person.condition("22298006", "Myocardial infarction", onset=f"{self.as_of.year}")
        yield _json(
            "incomplete-infarction-this-year",
            "a heart attack known to the year only",
            "incomplete",
            person.collection(),
        )
        person = self.screened("words", arteriovenous_malformation=None)
        person.add("Condition", code={"text": "AVM, left temporal"})
        yield _json("incomplete-text-only", "a problem in words only", "incomplete", person.searchset())
        person = self.person("units").answer(self.elements)
        person.observe("29463-7", "Body weight", "80", "kg")["valueQuantity"] = {"value": 80}
        person.pressure(122, 78, days_ago=-400)
        yield _json(
            "incomplete-no-unit-future-date",
            "a weight without its unit, a pressure from next year",
            "incomplete",
            person.collection(),
        )

    def facts_files(self) -> Iterator[Case]:
        """The same kind of facts as the clinic exports them."""
        facts = {
            **answers(self.elements, {}),
            **{"age": "44 a", "sex": "male", "sbp_resting": "118 mm[Hg]", "dbp_resting": "76 mm[Hg]"},
            **{"body_weight": "83.2 kg", "height": "181 cm"},
            **{name: f"{usual} {unit}" for name, (_, _, unit, usual) in PANEL.items()},
        }
        content = {"patient": "invented-f1", "facts": facts}
        yield _json("eligible-facts", "a facts file", "eligible", content)
        lines = ["# A facts file that a person wrote", "patient: invented-f2", "facts:"]
        facts |= {"breastfeeding": True, "sex": "female"}
        words = {True: "yes", False: "no"}
        lines += [
            f"  {name}: {words[value] if isinstance(value, bool) else json.dumps(value)}"
            for name, value in facts.items()
        ]
        yield Case(
            "excluded-facts.yaml", "a facts file in YAML", "excluded", ("\n".join(lines) + "\n").encode()
        )

    def hostile(self) -> Iterator[Case]:
        """Files that are refused with file and place, and never read halfway."""
        good = json.dumps(self.screened("hostile").collection()).encode()
        two = self.person("one").collection()
        two["entry"] += self.person("two").collection()["entry"]
        named: dict[str, tuple[str, bytes]] = {
            "truncated.json": ("the transfer broke off", good[: len(good) // 2]),
            "duplicate-key.json": ("a key stands twice", b'{"facts": {"age": "30 a", "age": "17 a"}}'),
            "not-a-number.json": ("a number that is none", b'{"facts": {"age": NaN}}'),
            "two-patients.json": ("two people in one file", json.dumps(two).encode()),
            "nested.json": ("brackets without end", b'{"a":' + b"[" * 200_000),
            "latin-1.json": ("not UTF-8", '{"patient": "Jos\xe9", "facts": {}}'.encode("latin-1")),
            "compressed.json": ("a gzip archive", gzip.compress(good, mtime=0)),
            "empty.json": ("nothing in it", b""),
            "not-a-bundle.json": ("one resource, not a record", b'{"resourceType": "Patient", "id": "x"}'),
            "anchors.yaml": ("YAML that grows as it is read", b"a: &a [x, x]\nb: [*a, *a]\nfacts: {}\n"),
            "misspelt.yaml": ("a fact nobody asks for", b"facts:\n  breastfeding: yes\n"),
            "two-units.json": ("a decimal comma", b'{"facts": {"body_weight": "80,5 kg"}}'),
        }
        for name, (shows, content) in named.items():
            yield Case(f"hostile-{name}", shows, NOT_READ, content)


def _json(name: str, shows: str, verdict: str, data: Json) -> Case:
    return Case(f"{name}.json", shows, verdict, (json.dumps(data, indent=1) + "\n").encode())
