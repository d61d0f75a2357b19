from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "openkap.care.messaging"
    label = "messaging"
    verbose_name = "Messages"
