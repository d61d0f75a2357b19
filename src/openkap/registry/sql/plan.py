"""A plan: named steps in the order in which they are made, and what every step is made from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from openkap.registry.definition import Definitions, Panel, ScaleRule


@dataclass
class Plan:
    """Named steps in the order in which they are made, and the last question."""

    steps: dict[str, str] = field(default_factory=dict)
    views: set[str] = field(default_factory=set)
    final: str = ""

    def step(self, stem: str, sql: str, *, view: bool = False) -> str:
        """Add a step; its name is the stem with the hash of its text. A view is cheap enough to run again."""
        name = f"{stem}_{hashlib.sha256(sql.encode()).hexdigest()[:10]}"
        self.steps[name] = sql
        if view:
            self.views.add(name)
        return name


@dataclass(frozen=True)
class Ground:
    """What a query stands on: the definitions, the day of the data cut as SQL, and the plan it adds to.

    ``corrected`` names the tables in which a row replaces another, ``None`` where that is not known.
    """

    definitions: Definitions
    as_of: str
    corrected: frozenset[str] | None
    plan: Plan

    @property
    def strata(self) -> tuple[str, ...]:
        """Names of the groups of people, in the order of the definitions."""
        return tuple(each.id for each in self.definitions.strata.strata)

    def step(self, stem: str, sql: str, *, view: bool = False) -> str:
        """Add a step to the plan and give its name."""
        return self.plan.step(stem, sql, view=view)

    def rule(self, rule: str, panel: Panel) -> ScaleRule | None:
        """What counts as meeting a rule on a panel; ``None`` where the scale has no such rule."""
        return self.definitions.scales.scale(panel.scale).rule(rule, panel.cluster)

    def current(self, table: str, key: str, alias: str) -> tuple[str, str]:
        """The join and the condition that leave out rows that were voided or replaced."""
        valid = f"{alias}.status <> 'entered-in-error'"
        if self.corrected is not None and table not in self.corrected:
            return "", valid
        replaced = self.step(
            f"replaced_{table}", f"SELECT DISTINCT replaces AS name FROM {table} WHERE replaces IS NOT NULL"
        )
        # Both engines search much longer for NOT EXISTS than for a row that found no partner.
        return f" LEFT JOIN {replaced} v ON v.name = {alias}.{key}", f"{valid} AND v.name IS NULL"
