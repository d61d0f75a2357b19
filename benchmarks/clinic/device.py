"""One person's browser, tablet or telephone: a connection that stays open, cookies, a token for forms.

Raw sockets, because the load generator runs on the processors it measures.
"""

from __future__ import annotations

import json
import socket
from urllib.parse import urlencode

END_OF_HEAD = b"\r\n\r\n"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


class Device:
    """Speaks HTTP/1.1 to one port of this machine."""

    def __init__(self, port: int) -> None:
        self.port, self.cookies, self.socket = port, {}, None
        self._head = ""

    def get(self, path: str) -> tuple[int, bytes]:
        return self._ask(f"GET {path} HTTP/1.1\r\n{self._common()}\r\n".encode())

    def post(self, path: str, form: dict[str, str]) -> tuple[int, bytes]:
        return self._post(path, urlencode(form).encode(), FORM)

    def send(self, path: str, body: object) -> tuple[int, bytes]:
        return self._post(path, json.dumps(body).encode(), JSON)

    def log_in(self, key: str) -> Device:
        self.get("/demo/")
        status, _ = self.post(f"/demo/{key}/", {})
        assert status == 302, status
        return self

    def _post(self, path: str, body: bytes, kind: str) -> tuple[int, bytes]:
        head = f"POST {path} HTTP/1.1\r\n{self._common()}Content-Type: {kind}\r\n"
        return self._ask(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def _common(self) -> str:
        if not self._head:
            cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            self._head = f"Host: 127.0.0.1:{self.port}\r\n" + (f"Cookie: {cookies}\r\n" if cookies else "")
            if token := self.cookies.get("csrftoken"):
                self._head += f"X-CSRFToken: {token}\r\n"
        return self._head

    def _ask(self, request: bytes) -> tuple[int, bytes]:
        fresh = self.socket is None
        try:
            return self._exchange(request)
        except OSError:
            self.close()
            if fresh:
                raise
        # The server may close a connection that waited; a browser opens another.
        return self._exchange(request)

    def _exchange(self, request: bytes) -> tuple[int, bytes]:
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=60)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(request)
        answer = self._more()
        while (end := answer.find(END_OF_HEAD)) < 0:
            answer += self._more()
        head = answer[:end].lower()
        at = head.find(b"content-length: ")
        assert at >= 0, head
        whole = end + 4 + int(head[at + 16 : head.find(b"\r\n", at) if head.find(b"\r\n", at) > 0 else None])
        parts, length = [answer], len(answer)
        while length < whole:
            parts.append(self._more())
            length += len(parts[-1])
        if b"\r\nset-cookie:" in head:
            self._keep(answer[:end].decode())
        if b"\r\nconnection: close" in head:
            self.close()
        return int(answer[9:12]), b"".join(parts)[end + 4 :]

    def _more(self) -> bytes:
        assert self.socket
        received = self.socket.recv(262_144)
        if not received:
            raise ConnectionError("the server closed the connection")
        return received

    def _keep(self, head: str) -> None:
        for line in head.split("\r\n"):
            name, _, value = line.partition(": ")
            if name.lower() == "set-cookie":
                cookie, _, content = value.split(";")[0].partition("=")
                self.cookies[cookie] = content
        self._head = ""

    def close(self) -> None:
        if self.socket:
            self.socket.close()
        self.socket = None
