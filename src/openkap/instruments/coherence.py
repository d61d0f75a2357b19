"""Do the parts of an instrument agree with each other? Each fault says where, what, and what to do.

The schema checks a part alone. Here names must point somewhere, ranges must follow from the items, bands
must cover their scale without gap, and each kind of change must have exactly one default.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from fractions import Fraction

from openkap.core.content import Place
from openkap.instruments.combine import bounds
from openkap.instruments.limits import unreachable
from openkap.instruments.model import Instrument

Fault = tuple[Place, str, str]


def faults(read: Instrument, stem: str, sources: Container[str]) -> Iterator[Fault]:
    """Every disagreement, as place in the file, what is wrong, and the remedy."""
    if read.id != stem:
        yield ("id",), f"the id {read.id} is not the name of its file", "make the two agree"
    yield from _unknown_sources(read, sources)
    named = [*_unknown_items(read), *_unknown_scales(read), *_unknown_rules(read)]
    yield from named
    yield from _wrong_depth(read)
    if not named:
        yield from _wrong_ranges(read)
        yield from _band_gaps(read)
        yield from unreachable(read)
    yield from _wrong_defaults(read)


def _unknown_sources(read: Instrument, sources: Container[str]) -> Iterator[Fault]:
    named = [*read.sources, *read.licence.sources]
    named += [each for part in read.sourced() for each in part.sources]
    named += [each for code in read.codes for each in code.sources]
    for name in named:
        if name not in sources:
            yield ("sources",), f"the source {name} is not listed", "add it to sources/instruments.yaml"


def _unknown_items(read: Instrument) -> Iterator[Fault]:
    items = read.items_by_id
    if read.items:
        yield from _missing_from(items, read.items.links.values(), ("items", "links"))
    for position, scale in enumerate(read.scales):
        yield from _missing_from(items, scale.items, ("scales", position, "items"))
    for position, safety in enumerate(read.safety):
        yield from _missing_from(items, safety.items, ("safety", position, "items"))
    for position, skip in enumerate(read.skips):
        yield from _missing_from(items, (*skip.when, *skip.items), ("skips", position))
    for position, rule in enumerate(read.rules):
        used = (name for each in rule.requires for name in (*each.items, *each.from_answer_of))
        yield from _missing_from(items, used, ("rules", position, "requires"))


def _missing_from(items: Container[str], used: Iterable[str], place: Place) -> Iterator[Fault]:
    for name in used:
        if name not in items:
            yield place, f"there is no item {name}", "name an item of this instrument"


def _unknown_scales(read: Instrument) -> Iterator[Fault]:
    before: set[str] = set()
    for position, scale in enumerate(read.scales):
        if scale.id in before:
            yield ("scales", position, "id"), f"two scales are called {scale.id}", "rename one"
        for name in scale.scales:
            if name not in before:
                yield (
                    ("scales", position, "scales"),
                    f"{scale.id} is made of {name}, which does not stand before it",
                    "define a scale before it is used",
                )
        before.add(scale.id)
    users: list[tuple[Place, str]] = [(("bands", at), each.scale) for at, each in enumerate(read.bands)]
    users += [(("cutoffs", at), each.scale) for at, each in enumerate(read.cutoffs)]
    users += [(("change", at), each.scale) for at, each in enumerate(read.change)]
    users += [(("main",), read.main)] if read.main is not None else []
    for place, name in users:
        if name not in before:
            yield place, f"there is no scale {name}", "name a scale of this instrument"


def _unknown_rules(read: Instrument) -> Iterator[Fault]:
    before: set[str] = set()
    for position, rule in enumerate(read.rules):
        if rule.also is not None and rule.also not in before:
            yield (
                ("rules", position, "also"),
                f"the rule {rule.also} does not stand before it",
                "reorder the rules",
            )
        before.add(rule.id)


def _wrong_depth(read: Instrument) -> Iterator[Fault]:
    if (read.depth == "outline") != (read.items is None):
        yield ("depth",), "an outline has no items, everything else has", "correct depth or items"
    if read.scales and read.missing is None:
        yield ("scales",), "there is no rule for missing items", "add missing, with its source"


def _wrong_ranges(read: Instrument) -> Iterator[Fault]:
    computed = bounds(read)
    for position, scale in enumerate(read.scales):
        least, most = computed[scale.id]
        if (least, most) != (Fraction(scale.range[0]), Fraction(scale.range[1])):
            yield (
                ("scales", position, "range"),
                f"{scale.id}: items and formula give {least} to {most}, not the range written here",
                "correct the range, the items or the formula",
            )


def _band_gaps(read: Instrument) -> Iterator[Fault]:
    for position, bands in enumerate(read.bands):
        place = ("bands", position, "rows")
        next_start, end = read.scale(bands.scale).range
        for low, high, _ in bands.limits():
            if low != next_start or high < low:
                yield (
                    place,
                    f"{bands.id}: a band starts at {low}, expected {next_start}",
                    "let bands follow each other",
                )
            next_start = high + 1
        if next_start != end + 1:
            yield (
                place,
                f"{bands.id}: the bands end at {next_start - 1}, the scale at {end}",
                "cover the scale",
            )


def _wrong_defaults(read: Instrument) -> Iterator[Fault]:
    ids = [each.id for each in read.change]
    if len(set(ids)) != len(ids):
        yield ("change",), "two definitions of change share an id", "rename one"
    for kind in dict.fromkeys(each.of for each in read.change):
        chosen = [each.id for each in read.change if each.of == kind and each.default]
        if len(chosen) != 1:
            yield (
                ("change",),
                f"{kind}: {len(chosen)} definitions are the default",
                "mark exactly one with default: true",
            )
