"""What must be set before real people answer questions here."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register

from openkap.care.outcomes.help_line import help_line


@register("openkap", deploy=True)
def the_help_line_is_known(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A patient who answers that they think of death must see a number that is right for their country."""
    del app_configs, kwargs
    if help_line() is not None:
        return []
    return [
        Error(
            "no help line is set: patients in danger would see no number to call",
            hint="set OPENKAP_HELP_LINE, such as 'Crisis line, day and night: +00 000 0000'",
            id="openkap.E020",
        )
    ]
