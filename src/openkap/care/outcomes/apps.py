from django.apps import AppConfig


class OutcomesConfig(AppConfig):
    name = "openkap.care.outcomes"
    label = "outcomes"
    verbose_name = "Outcomes"

    def ready(self) -> None:
        from openkap.care.outcomes import checks  # noqa: F401 - registers itself
