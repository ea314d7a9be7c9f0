"""Stands in for a company's mail server: aiosmtpd, which asks for STARTTLS and for a password before anything else."""

import asyncio
import ssl
from email import message_from_bytes, policy

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from stack.channels.board import Board, Shown


class MailServer:
    """One server. Its trouble is answered to a whole mail, as a number such as 451 or 550.

    Attributes:
        unknown: recipients that it does not know.
    """

    def __init__(self, board: Board, user: str, password: str) -> None:
        self._board = board
        self._user = user.encode()
        self._password = password.encode()
        self.unknown: set[str] = set()

    def protocol(self, tls: ssl.SSLContext) -> SMTP:
        """What serves one connection."""
        return SMTP(
            self,
            hostname="mail.localhost",
            ident="stand-in",
            tls_context=tls,
            require_starttls=True,
            auth_required=True,
            authenticator=self._authenticate,
        )

    def _authenticate(self, *asked: object) -> AuthResult:
        data = asked[-1]
        is_known = isinstance(data, LoginPassword) and (data.login, data.password) == (self._user, self._password)
        return AuthResult(success=is_known, handled=False)

    async def handle_RCPT(  # noqa: N802 the library calls it so, with these
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a recipient."""
        if address in self.unknown:
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail."""
        if refusal := await self._board.before():
            return f"{refusal[0]} 4.3.0 not now"
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        body = mail.get_body(("plain",))
        heads = "\n".join(f"{name}: {mail[name]}" for name in ("From", "To", "Subject"))
        text = f"{heads}\n\n{body.get_content() if body else ''}"
        self._board.show(Shown("smtp", text, key=str(mail["Message-ID"])))
        if self._board.is_closed_after():
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return "250 OK"
