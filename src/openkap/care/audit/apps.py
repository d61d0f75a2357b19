from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "openkap.care.audit"
    label = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        from openkap.care.append_only import protect_all

        # Once, after every app has migrated.
        post_migrate.connect(protect_all, sender=self, dispatch_uid="append-only rows")
