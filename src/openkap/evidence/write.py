"""A study as a content file, so that what an importer read can be reviewed line by line."""

from __future__ import annotations

from typing import Any

import yaml

from openkap.evidence.study import Study


class _Plain(yaml.SafeDumper):
    """No aliases (our reader refuses them), lists indented under their key."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def study_as_yaml(study: Study) -> str:
    """The file's text; ``read_study`` gives the same study back."""
    data = study.model_dump(mode="json", exclude_defaults=True)
    text: str = yaml.dump(data, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110)
    return text
