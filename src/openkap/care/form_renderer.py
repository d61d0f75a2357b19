"""How forms look: every field is ``components/field.html``, so that errors stand beside what they mean."""

from __future__ import annotations

from django.forms.renderers import DjangoTemplates


class ClinicForms(DjangoTemplates):
    """Django's own widgets inside the clinic's field layout."""

    field_template_name = "components/field.html"

    def get_template(self, template_name: str):  # type: ignore[no-untyped-def]
        """The clinic's components come from its own templates, widgets from Django's."""
        if template_name.startswith("components/"):
            from django.template.loader import get_template

            return get_template(template_name)
        return super().get_template(template_name)
