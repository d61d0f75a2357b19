from django.apps import AppConfig


class LiveConfig(AppConfig):
    name = "openkap.care.live"
    label = "live"
    verbose_name = "The live session"
