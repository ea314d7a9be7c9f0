"""Sends mail by a mail server, always encrypted."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP as LINES
from email.utils import format_datetime
from zoneinfo import ZoneInfo

import aiosmtplib

from chargeback.adapters.channels.mail_text import mail_html_of, mail_subject_of, mail_text_of
from chargeback.adapters.channels.outbound import SEND_SECONDS, Outbound, OutboundFailed, OutboundRefused
from chargeback.adapters.channels.outcomes import TOLD, after_attempt, failed_for_now, refused
from chargeback.adapters.channels.public_addresses import ForbiddenAddress
from chargeback.adapters.config.alert_channels import SmtpSetup
from chargeback.domain.alerts.message import AlertMessage
from chargeback.domain.alerts.wording import say
from chargeback.services.ports.channels import ChannelPace, Outcome
from chargeback.services.usage.senders import Keys

_TLS_PORT = 465
_FOR_GOOD = 500
_SIGN_IN = (530, 534, 535, 538)


class SmtpChannel:
    """Mail to some people; see `services.ports.channels.AlertChannel`."""

    paces = (ChannelPace(30, timedelta(minutes=1)),)
    """What Exchange Online takes from one sender (learn.microsoft.com, *Exchange Online limits*)."""

    knows_repetitions = False
    """Each attempt has the same `Message-ID`, by which many mailboxes show a mail once; nobody promises it."""

    look_for = "A mail that begins with “Test” in every mailbox of the channel, and not among the unwanted ones."

    def __init__(
        self,
        setup: SmtpSetup,
        hosts: tuple[str, ...],
        sign_in: Keys,
        outbound: Outbound,
        zone: ZoneInfo,
        clock: Callable[[], datetime],
    ) -> None:
        self.id = setup.id
        self._setup = setup
        self._hosts = hosts
        self._sign_in = sign_in
        self._outbound = outbound
        self._zone = zone
        self._clock = clock

    async def send(self, message: AlertMessage) -> Outcome:
        """Hand a mail over to the server."""

        async def attempt() -> Outcome:
            (sign_in,) = await self._sign_in.current()
            user, _, password = sign_in.partition(":")
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await self._hand_over(self._mail(message), user, password)
            except aiosmtplib.SMTPRecipientsRefused as error:
                return _outcome_of(error.recipients[0])
            except aiosmtplib.SMTPResponseException as error:
                return _outcome_of(error)
            except (aiosmtplib.SMTPException, ssl.SSLError, OSError) as error:
                raise OutboundFailed(f"the mail server: {type(error).__name__}") from None
            except TimeoutError:
                raise OutboundFailed(f"the mail server took longer than {SEND_SECONDS:.0f} s") from None
            return TOLD

        return await after_attempt(attempt)

    async def _hand_over(self, mail: EmailMessage, user: str, password: str) -> None:
        is_tls = self._setup.port == _TLS_PORT
        client = aiosmtplib.SMTP(
            hostname=self._setup.host,
            sock=await self._connect(),
            timeout=SEND_SECONDS,
            use_tls=is_tls,
            start_tls=not is_tls,
            tls_context=ssl.create_default_context(),
        )
        try:
            await client.connect()
            await client.login(user, password)
            await client.send_message(mail)
        finally:
            # Without a goodbye: the server has taken the mail, and an error now would have it sent again.
            client.close()

    async def _connect(self) -> socket.socket:
        """A connection to an address that was checked, so that no second look-up can lead elsewhere."""
        setup = self._setup
        if not self._outbound.may_call(setup.host, self._hosts):
            raise OutboundRefused(f"the host {setup.host} is not allowed")
        try:
            found = await self._outbound.resolver.resolve(setup.host, setup.port)
        except ForbiddenAddress as error:
            raise OutboundRefused(str(error)) from None
        fault: OSError | None = None
        for address in found:
            connection = socket.socket(address["family"], socket.SOCK_STREAM)
            connection.setblocking(False)
            try:
                await asyncio.get_running_loop().sock_connect(connection, (address["host"], setup.port))
            except OSError as error:
                connection.close()
                fault = error
            except BaseException:
                connection.close()
                raise
            else:
                return connection
        raise fault or OSError("no address")

    def _mail(self, message: AlertMessage) -> EmailMessage:
        said = say(message, self._zone)
        mail = EmailMessage(policy=LINES)
        mail["From"] = self._setup.sender
        mail["To"] = ", ".join(self._setup.to)
        mail["Subject"] = mail_subject_of(said)
        mail["Date"] = format_datetime(self._clock())
        mail["Message-ID"] = f"<{message.key}@{self._setup.sender.partition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(mail_text_of(said))
        mail.add_alternative(mail_html_of(said), subtype="html")
        return mail


def _outcome_of(error: aiosmtplib.SMTPResponseException) -> Outcome:
    """5xx is for good, except where the server did not accept the user, whose password may be put in order."""
    fault = f"the mail server answered {error.code} {error.message}"
    return refused(fault) if error.code >= _FOR_GOOD and error.code not in _SIGN_IN else failed_for_now(fault)
