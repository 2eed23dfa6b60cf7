"""A mail server of one test, on aiosmtpd, which behaves as it is told.

Usage: smtp_server.py PORT [--certificate FILE --key FILE [--implicit]] [--login USER:PASSWORD]
It says on its standard output, a JSON document a line, where it listens and what happens to it. On its standard input it is told,
a JSON document a line, how to behave: {"connection": WAY} for the next connection that has no other way yet, {"recipient": ADDRESS,
"way": WAY} for the next message to that address; {"always": WAY} for every connection from now on. Without a way it is a good server.

Ways of a connection: greeting-421, greeting-hang, slow, no-starttls, starttls-454, starttls-lie, starttls-inject.
Ways of a recipient: rcpt-CODE, rcpt-hang, data-CODE, data-hang (it keeps the message and never says so), data-drop.
"""

import argparse
import asyncio
import base64
import collections
import email
import email.policy
import json
import logging
import ssl
import sys
import warnings

from aiosmtpd.smtp import SMTP, AuthResult

connections = collections.deque()
recipients = collections.defaultdict(collections.deque)
always = None


def say(event, **what):
    print(json.dumps({"event": event, **what}), flush=True)


async def hang(at):
    say("hangs", at=at)
    await asyncio.sleep(3600)


class Server(SMTP):
    """One connection."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.way = always or (connections.popleft() if connections else "")
        if self.way == "no-starttls":
            self.tls_context = None

    async def push(self, status):
        if self.way == "slow":
            await asyncio.sleep(0.3)
        await super().push(status)

    async def _handle_client(self):
        say("connected", way=self.way)
        if self.way == "greeting-421":
            await self.push("421 4.3.2 come back later")
            self.transport.close()
            return
        if self.way == "greeting-hang":
            await hang("greeting")
        await super()._handle_client()

    def is_encrypted(self):
        return self.session.ssl is not None or self.transport.get_extra_info("ssl_object") is not None

    async def smtp_STARTTLS(self, arg):
        if self.way == "starttls-454":
            await self.push("454 4.7.0 TLS not available")
        elif self.way == "starttls-lie":
            await self.push("220 ready\r\n250 but only in the clear")
        elif self.way == "starttls-inject":
            # What an attacker on the way puts before the handshake: the answer to the EHLO that comes after it.
            self.transport.write(b"220 ready\r\n250-mail.test\r\n250 AUTH PLAIN LOGIN\r\n")
            self.push, push = self.swallow_once, self.push
            self.real_push = push
            await super().smtp_STARTTLS(arg)
        else:
            await super().smtp_STARTTLS(arg)

    async def swallow_once(self, status):
        self.push = self.real_push

    async def smtp_AUTH(self, arg):
        say("login", encrypted=self.is_encrypted())
        await super().smtp_AUTH(arg)

    async def smtp_MAIL(self, arg):
        say("mail", encrypted=self.is_encrypted())
        await super().smtp_MAIL(arg)


class Handler:
    """What becomes of messages."""

    async def handle_RCPT(self, server, session, envelope, address, options):
        ways = recipients[address]
        server.message_way = ways.popleft() if ways else ""
        step, _, what = server.message_way.partition("-")
        if step == "rcpt":
            if what == "hang":
                await hang("rcpt")
            say("refused", to=address, way=server.message_way)
            return f"{what} {what[0]}.1.1 <{address}>: not now, see https://{address}/?token=0"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        step, _, what = server.message_way.partition("-")
        if step == "data" and what.isdigit():
            say("refused", to=envelope.rcpt_tos[0], way=server.message_way)
            return f"{what} {what[0]}.7.1 not this one"
        say("message", **described(server, session, envelope))
        if step == "data" and what == "hang":
            await hang("data")
        if step == "data" and what == "drop":
            server.transport.abort()
        return "250 2.0.0 kept"


def described(server, session, envelope):
    message = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
    parts = list(message.walk())
    body = lambda kind: next((part.get_content() for part in parts if part.get_content_type() == kind), None)
    return {
        "from": envelope.mail_from,
        "to": envelope.rcpt_tos,
        "encrypted": server.is_encrypted(),
        "user": session.auth_data,
        "headers": [[name, str(value)] for name, value in message.items()],
        "parts": [part.get_content_type() for part in parts],
        "defects": [repr(defect) for part in parts for defect in part.defects],
        "text": body("text/plain"),
        "html": body("text/html"),
        "raw": base64.b64encode(envelope.original_content).decode(),
    }


def listen_to_orders(loop):
    global always
    for line in sys.stdin:
        order = json.loads(line)
        if "connection" in order:
            connections.append(order["connection"])
        elif "recipient" in order:
            recipients[order["recipient"]].append(order["way"])
        else:
            always = order["always"]
        say("told", order=order)
    loop.call_soon_threadsafe(loop.stop)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--implicit", action="store_true")
    parser.add_argument("--login")
    given = parser.parse_args()
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")
    loop = asyncio.get_running_loop()
    context = None
    if given.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(given.certificate, given.key)

    def authenticate(server, session, envelope, mechanism, data):
        offered = f"{data.login.decode()}:{data.password.decode()}"
        good = offered == given.login
        session.auth_data = data.login.decode() if good else None
        return AuthResult(success=good, handled=False, auth_data=session.auth_data)

    starttls = context is not None and not given.implicit
    options = dict(
        hostname="mail.test",
        tls_context=context if starttls else None,
        auth_required=given.login is not None,
        auth_require_tls=starttls,
        authenticator=authenticate,
        enable_SMTPUTF8=True,
        loop=loop,
    )
    server = await loop.create_server(
        lambda: Server(Handler(), **options),
        host="127.0.0.1",
        port=given.port,
        ssl=context if given.implicit else None,
    )
    say("listens", port=server.sockets[0].getsockname()[1])
    loop.run_in_executor(None, listen_to_orders, loop)
    await server.serve_forever()


try:
    asyncio.run(main())
except RuntimeError:
    # The loop was stopped, since the test that gave the orders has ended.
    sys.exit(0)
