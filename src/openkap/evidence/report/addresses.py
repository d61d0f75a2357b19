"""Where a reader is sent: to whoever keeps the work, never to the copy that happened to be read.

Many numbers were read in copies of a publisher's or registry's page. Such an address is printed, because it
says where a number was seen, but it is no link: copies move, end, and may one day hold something else.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from openkap.evidence.study import Study
from openkap.evidence.syntheses import Synthesis

# Resolvers, registries, publishers, regulators, and the authors' own universities and repositories.
KEEPERS = frozenset(
    {
        "akjournals.com",
        "clinicaltrials.gov",
        "digitalcommons.pcom.edu",
        "doi.org",
        "experts.umn.edu",
        "frontiersin.org",
        "github.com",
        "journals.lww.com",
        "kclpure.kcl.ac.uk",
        "medicine.yale.edu",
        "medrxiv.org",
        "nature.com",
        "pmc.ncbi.nlm.nih.gov",
        "psychiatrist.com",
        "pubmed.gov",
        "pubmed.ncbi.nlm.nih.gov",
        "www.accessdata.fda.gov",
        "www.acpjournals.org",
        "www.anzctr.org.au",
        "www.asc-abstracts.org",
        "www.ncbi.nlm.nih.gov",
        "www.psych.ox.ac.uk",
    }
)


def is_kept(url: str | None) -> bool:
    """Does the address belong to one who keeps the work?"""
    if not url or not url.startswith(("http://", "https://")):
        return False
    host = urlsplit(url).netloc.lower()
    return host in KEEPERS or host.removeprefix("www.") in KEEPERS


def address_of(record: Study | Synthesis) -> str | None:
    """Where a study or review is found by its identifier: a place that merely speaks of it is not it."""
    citation = record.citation
    if citation.doi:
        return f"https://doi.org/{citation.doi}"
    if citation.pmid:
        return pubmed_address(citation.pmid)
    if citation.pmcid:
        return f"https://pmc.ncbi.nlm.nih.gov/articles/{citation.pmcid}/"
    number = next((each for each in citation.registrations if each.startswith("NCT")), None)
    return registry_address(number) if number else None


def pubmed_address(number: str) -> str:
    """A report's page at PubMed."""
    return f"https://pubmed.ncbi.nlm.nih.gov/{number}/"


def registry_address(number: str) -> str:
    """A trial's page at ClinicalTrials.gov."""
    return f"https://clinicaltrials.gov/study/{number}"
