"""Fields in which a person chooses among rows."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from portal.pages.access import number_in


class ClustersField(forms.ModelMultipleChoiceField):
    """Ticked clusters. A number that no database could hold names none of them."""

    def clean(self, value: Any) -> Any:
        for each in value or ():
            if not number_in(str(each)):
                code = "invalid_pk_value"
                raise ValidationError(self.error_messages[code], code=code, params={"pk": str(each)[:20]})
        return super().clean(value)
