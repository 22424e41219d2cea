"""Real receivers of alerts on loopback: HTTP, which can be taken down and brought up again, and mail."""

import email
import email.policy
import json
import threading
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any


class HttpReceiver:
    """Keeps every message posted to it; ``url`` is its address as Apprise takes it."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.status = 200
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.up()

    @property
    def url(self) -> str:
        """Apprise address of the receiver."""
        return f"json://127.0.0.1:{self._port}/hook"

    @property
    def titles(self) -> list[str]:
        """Titles received, oldest first."""
        return [message["title"] for message in self.messages]

    def up(self) -> None:
        """Listen (again)."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.status == 200:
                    receiver.messages.append(json.loads(body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        """Refuse connections."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class MailReceiver:
    """A mail server that keeps every mail; ``url`` is its address as Apprise takes it.

    It refuses whom ``refused`` names, and with ``cut`` is gone once it has a mail, before it says so.
    """

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refused: set[str] = set()
        self.cut = False
        receiver = self

        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 loopback\r\n")
                while line := self.rfile.readline():
                    verb = line.strip().upper()[:4]
                    if verb == b"DATA":
                        self.wfile.write(b"354 end with a dot\r\n")
                        lines = iter(self.rfile.readline, b".\r\n")
                        mail = b"".join(line.removeprefix(b".") for line in lines)
                        receiver.mails.append(email.message_from_bytes(mail, policy=email.policy.default))  # type: ignore[arg-type]
                        if receiver.cut:
                            return
                    if verb == b"RCPT" and any(address in line.decode() for address in receiver.refused):
                        self.wfile.write(b"550 no such user\r\n")
                        continue
                    self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
                    if verb == b"QUIT":
                        return

        self._server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens, on loopback."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Apprise address of the receiver."""
        port = self.port
        return f"mailto://127.0.0.1:{port}?from=eventflow@example.com&to=oncall@example.com&mode=insecure"

    def down(self) -> None:
        """Refuse connections."""
        self._server.shutdown()
        self._server.server_close()
