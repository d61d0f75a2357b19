"""A group of verbs that imports the module of one only to run it, so that a help page costs nothing."""

from __future__ import annotations

import importlib
import keyword
from collections.abc import Mapping
from typing import Any

import click

# verb -> (module below openkap.commands, one line for the list)
Verbs = Mapping[str, tuple[str, str]]


class LazyVerbs(click.Group):
    """A group that knows its verbs by name and help line."""

    def __init__(self, *args: Any, verbs: Verbs, **options: Any) -> None:
        super().__init__(*args, **options)
        self.verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order they are listed."""
        return list(self.verbs)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The verb's command, imported now."""
        if name not in self.verbs:
            return None
        module = importlib.import_module(f"openkap.commands.{self.verbs[name][0]}")
        # A word of the language, such as ``import``, has a function that ends in an underscore.
        function = f"{name}_" if keyword.iskeyword(name) else name.replace("-", "_")
        command: click.Command = getattr(module, function)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, written from the table without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.verbs.items()])
