from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "openkap.care.audit"
    label = "audit"
    verbose_name = "Audit"
