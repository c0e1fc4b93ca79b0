"""The application that knows what a machine is and does."""

from django.apps import AppConfig
from django.utils.translation import get_language, gettext


class AppliancesConfig(AppConfig):
    name = "appliances"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from appliances.features import wording

        wording.install(gettext, get_language)
