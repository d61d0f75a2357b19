"""What a site sends instead of patients: a signed file of suppressed tables, and what others make of many.

Signed with Ed25519 (RFC 8032) over canonical JSON. The reader holds the public keys it trusts; a file
that was
changed, or signed by a key it does not know, is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openkap.core.errors import InputError
from openkap.registry.dataset import Dataset
from openkap.registry.definition import Definitions, OutcomeMeasure
from openkap.registry.disclosure import THRESHOLD, Counts, Ledger, ReleasedTable
from openkap.registry.missing import CellTable
from openkap.registry.query import PEOPLE_DIMENSIONS, Cells, Engine, severity_cuts

FORMAT = "openkap-registry-aggregate/1"
LARGEST_FILE_BYTES = 20_000_000
SPLIT_RULES = ("response", "remission", "deterioration")


def make_key() -> bytes:
    """A new private key as PEM. Keep it at the site; its public half goes to those who combine."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_key(private_pem: bytes) -> str:
    """The public half of a key, in hexadecimal."""
    from cryptography.hazmat.primitives import serialization

    raw = (
        _private(private_pem)
        .public_key()
        .public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    )
    return str(raw.hex())


def _private(pem: bytes) -> Any:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError("not an Ed25519 private key in PEM", remedy="make one with `openkap registry key`")
    return key


def _canonical(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def sign(body: Mapping[str, Any], private_pem: bytes) -> dict[str, Any]:
    """The body with its signature and public key."""
    signature = _private(private_pem).sign(_canonical(body)).hex()
    return {"body": dict(body), "public_key": public_key(private_pem), "signature": signature}


def verify(signed: Mapping[str, Any], trusted: Sequence[str], where: str) -> dict[str, Any]:
    """The body of a signed file; ``InputError`` when it was changed or its key is not trusted."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key = str(signed.get("public_key", ""))
    if key not in trusted:
        raise InputError(
            "signed by a key that is not trusted",
            value=key[:16],
            remedy="ask the site for its public key by another way and pass it with --trust",
            where=where,
        )
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(
            bytes.fromhex(str(signed.get("signature", ""))), _canonical(signed["body"])
        )
    except (InvalidSignature, ValueError, KeyError, TypeError):
        raise InputError(
            "the signature does not fit: the file was changed after it was signed",
            remedy="ask the site for the file again",
            where=where,
        ) from None
    body: dict[str, Any] = signed["body"]
    if body.get("format") != FORMAT:
        raise InputError("another format", value=body.get("format"), limit=FORMAT, where=where)
    return body


def read_signed(path: Path, trusted: Sequence[str]) -> dict[str, Any]:
    """Read and verify one site's file."""
    if path.stat().st_size > LARGEST_FILE_BYTES:
        raise InputError("file too large", limit=f"{LARGEST_FILE_BYTES} bytes", where=str(path))
    try:
        signed = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise InputError("not a site's file", remedy="ask the site for it again", where=str(path)) from None
    if not isinstance(signed, dict) or not isinstance(signed.get("body"), dict):
        raise InputError("not a site's file", remedy="ask the site for it again", where=str(path))
    return verify(signed, trusted, str(path))


@dataclass(frozen=True)
class Summary:
    """What a site would send, and the ledger to keep."""

    body: dict[str, Any]
    ledger: Ledger
    renewed: int
    repeated: int


def summarise(
    engine: Engine,
    dataset: Dataset,
    definitions: Definitions,
    *,
    site: str,
    ledger: Ledger,
    threshold: int = THRESHOLD,
    progress: Callable[[str], None] = lambda step: None,
) -> Summary:
    """Suppressed tables of every total score with an outcome rule, at each time, by every stratum.

    Clusters stay at the site: they count the same people as their total, and two tables of the same people
    would help to see what one of them hides.
    """
    if threshold < THRESHOLD:
        raise InputError("the threshold is too low", value=threshold, limit=f"at least {THRESHOLD}")
    as_of = dataset.as_of.isoformat()
    measures = [
        each for each in definitions.measures if isinstance(each, OutcomeMeasure) and each.rule in SPLIT_RULES
    ]
    panels = {panel: each.times for each in measures for panel in each.panels if panel.cluster == "total"}
    strata = sorted({stratum for each in measures for stratum in each.strata})
    tables: list[ReleasedTable] = []
    for panel, windows in panels.items():
        progress(panel.scale)
        scale = definitions.scales.scale(panel.scale)
        rows = engine.run(Cells(panel, windows))
        cells = CellTable.of(
            rows, PEOPLE_DIMENSIONS, scale.clusters[panel.cluster], severity_cuts(definitions, panel)
        )
        for window in windows:
            for stratum in ("all", *strata):
                groups = _groups(cells, window.id, stratum)
                table, ledger = ledger.release(
                    panel.scale, window.id, stratum, groups, as_of=as_of, threshold=threshold
                )
                tables.append(table)
    body = {
        "format": FORMAT,
        "site": site,
        "threshold": threshold,
        "as_of": as_of,
        "measures": {each.id: each.fingerprint for each in measures},
        "scales": definitions.scales.fingerprint,
        "tables": [table.as_dict() for table in tables],
    }
    repeated = sum(table.as_of != as_of for table in tables)
    return Summary(body, ledger, len(tables) - repeated, repeated)


def _groups(table: CellTable, window: str, stratum: str) -> dict[str, Counts]:
    columns = {kind: table.get(kind, window) for kind in ("due", "seen", *SPLIT_RULES)}

    def count(mask: Any) -> Counts:
        number = {kind: int(column[mask].sum()) for kind, column in columns.items()}
        return Counts(number["due"], number["seen"], {rule: number[rule] for rule in SPLIT_RULES})

    if stratum == "all" or not len(table):
        return {"all": count(slice(None))}
    values = table.columns[stratum]
    return {str(level): count(values == level) for level in sorted(set(values))}


def ledger_to_json(ledger: Ledger) -> str:
    """The ledger as text; it holds true counts and stays at the site."""
    return json.dumps(
        {
            "shown": ledger.shown,
            "hidden": ledger.hidden,
            "last": {key: table.as_dict() for key, table in ledger.last.items()},
        }
    )


def ledger_from_json(text: str) -> Ledger:
    """The ledger from its text; ``InputError`` when it cannot be read, since without it nothing may leave."""
    try:
        raw = json.loads(text)
        return Ledger(
            {name: tuple(tuple(parts) for parts in told) for name, told in raw["shown"].items()},
            {
                name: tuple(
                    ({group: tuple(parts) for group, parts in truth.items()}, tuple(names))
                    for truth, names in entries
                )
                for name, entries in raw["hidden"].items()
            },
            {key: _table(table) for key, table in raw["last"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            "the ledger of earlier releases cannot be read",
            remedy="restore it from a copy; a new one would let two releases be subtracted",
        ) from None


def _table(raw: Mapping[str, Any]) -> ReleasedTable:
    return ReleasedTable(
        raw["panel"],
        raw["window"],
        raw["stratum"],
        raw["as_of"],
        Counts(**raw["total"]),
        {name: Counts(**counts) for name, counts in raw["groups"].items()},
    )


@dataclass(frozen=True)
class Combined:
    """One number over sites by the two-stage model, with every site that stands behind it."""

    key: str
    sites: int
    withheld: int
    due: int
    seen: int
    completeness: float
    worst: float
    best: float
    rate: float
    low: float
    high: float
    prediction_low: float
    prediction_high: float
    tau2: float
    i2: float
    warnings: tuple[str, ...]

    def sentence(self) -> str:
        """The result with what is missing; the pooled rate never stands alone."""
        return (
            f"{self.key}: {100 * self.rate:.0f} % ({100 * self.low:.0f} to {100 * self.high:.0f} %) "
            "of those seen over "
            f"{self.sites} sites; another site between {100 * self.prediction_low:.0f} and "
            f"{100 * self.prediction_high:.0f} %; {self.seen} of {self.due} seen "
            f"({100 * self.completeness:.0f} %), "
            f"so the rate of all lies between {100 * self.worst:.0f} and {100 * self.best:.0f} %; "
            f"{self.withheld} sites too small to show."
        )


def combine(
    bodies: Sequence[Mapping[str, Any]], *, progress: Callable[[str], None] = lambda step: None
) -> list[Combined]:
    """Pool the totals of every table over sites: logit rates, REML, Knapp-Hartung.

    ``progress`` is called with the name of each total before it is pooled.

    Raises ``InputError`` for two files of one site, or sites that measured by different definitions.
    """
    _check_same(bodies)
    by_key: dict[str, list[tuple[int | None, int | None, int | None]]] = {}
    for body in bodies:
        for raw in body["tables"]:
            if raw["stratum"] == "all":
                total = raw["total"]
                for rule, hits in total["hits"].items():
                    name = f"{rule} {raw['panel']} {raw['window']}"
                    by_key.setdefault(name, []).append((total["due"], total["seen"], hits))
    results = []
    for key in sorted(by_key):
        progress(key)
        results.append(_pool(key, by_key[key]))
    return [result for result in results if result is not None]


def _check_same(bodies: Sequence[Mapping[str, Any]]) -> None:
    names = [body["site"] for body in bodies]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            "a site stands twice: its patients would count twice",
            value=", ".join(twice),
            remedy="keep its newest file",
        )
    for body in bodies[1:]:
        if (body["measures"], body["scales"]) != (bodies[0]["measures"], bodies[0]["scales"]):
            raise InputError(
                "two sites measured by different definitions",
                value=body["site"],
                limit=f"the definitions of {bodies[0]['site']}",
                remedy="let both run the same version",
            )


def _pool(key: str, totals: Sequence[tuple[int | None, int | None, int | None]]) -> Combined | None:
    from scipy.special import expit

    from openkap.evidence.effect_size import logit_proportion
    from openkap.evidence.pooling import pool

    shown = [
        (due, seen, hits)
        for due, seen, hits in totals
        if due is not None and seen is not None and hits is not None
    ]
    if len(shown) < 2:
        return None
    n, m, h = (sum(column) for column in zip(*shown, strict=True))
    effect = logit_proportion(events=[hits for _, _, hits in shown], n=[seen for _, seen, _ in shown])
    result = pool(effect.yi, effect.vi, method="REML", test="knha")
    rate, low, high, prediction_low, prediction_high = (
        float(expit(value))
        for value in (
            result.estimate,
            result.ci_low,
            result.ci_high,
            result.prediction_low,
            result.prediction_high,
        )
    )
    return Combined(
        key,
        len(shown),
        len(totals) - len(shown),
        n,
        m,
        m / n,
        h / n,
        (h + n - m) / n,
        rate,
        low,
        high,
        prediction_low,
        prediction_high,
        result.tau2,
        result.i2,
        tuple(doubt.text for doubt in result.warnings),
    )
