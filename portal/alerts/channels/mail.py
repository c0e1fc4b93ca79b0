"""E-mail, over the mail server that the operator of the portal has set (GATEFOLD_EMAIL_URL)."""

from __future__ import annotations

import smtplib
from collections.abc import Mapping

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, get_connection
from django.core.validators import validate_email

from clusters.phrases import phrase as _
from portal.alerts.channels.base import BadChannel, Message, Passing, Permanent

MOST = 20
PATIENCE = 15
REFUSED = 500


class Mail:
    """Recipients, separated by commas or lines. Each mail goes to all of them."""

    def checked(self, entered: Mapping[str, str]) -> dict[str, str]:
        found = entered.get("recipients", "").replace(",", " ").split()
        if not found:
            raise BadChannel("recipients", _("Enter at least one address."))
        if len(found) > MOST:
            raise BadChannel(
                "recipients", _("At most %(n)d addresses; use a list of your mail server.") % {"n": MOST}
            )
        for address in found:
            try:
                validate_email(address)
            except ValidationError:
                raise BadChannel(
                    "recipients", _("%(word)s is no mail address.") % {"word": address}
                ) from None
        return {"recipients": ", ".join(found)}

    def shown(self, kept: Mapping[str, str]) -> str:
        return kept["recipients"]

    def send(self, kept: Mapping[str, str], message: Message) -> None:
        if not settings.EMAIL_HOST:
            raise Permanent(_("This portal has no mail server. Its operator sets GATEFOLD_EMAIL_URL."))
        headers = {"Auto-Submitted": "auto-generated", "X-Gatefold-Delivery": message.ident}
        mail = EmailMessage(
            " ".join(message.title.split()),
            message.body,
            settings.DEFAULT_FROM_EMAIL,
            kept["recipients"].split(", "),
            headers=headers,
            connection=get_connection(timeout=PATIENCE),
        )
        try:
            mail.send()
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _text in error.recipients.values()]
            kind = Permanent if min(codes, default=0) >= REFUSED else Passing
            raise kind(_("The mail server refused the recipients.")) from None
        except smtplib.SMTPResponseException as error:
            kind = Permanent if error.smtp_code >= REFUSED else Passing
            raise kind(_("The mail server answered %(code)d.") % {"code": error.smtp_code}) from None
        except (smtplib.SMTPException, OSError) as error:
            raise Passing(
                _("The mail server cannot be reached (%(why)s).") % {"why": type(error).__name__}
            ) from None
