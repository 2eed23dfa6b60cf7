#!/usr/bin/env python3
"""A client that anyone can start: it asks, and never reads the answers. How much memory does the server hold then?

    benches/hold.py http://127.0.0.1:8080 --connections 20 --streams 98 --path '/api/me/tasks?limit=100' --tasks --pid PID
    benches/hold.py http://127.0.0.1:8080 --connections 300 --streams 99 --path /metrics --pid PID
    benches/hold.py http://127.0.0.1:8080 --places 12000 --pid PID

It speaks HTTP/2 with SETTINGS_INITIAL_WINDOW_SIZE=0, and asks for /healthz every few seconds so that its connections live
on. With --tasks it signs up first, and makes a hundred tasks as large as they may be. With --places it opens connections
as fast as places come free, while an honest client asks from --honest, another address. With --pid it prints the memory
of the server from /proc. Needs Python 3.8 or later and nothing else.
"""

import argparse
import json
import os
import select
import socket
import struct
import time
import urllib.request
from urllib.parse import urlsplit

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    """A header that enters no table (RFC 7541 section 6.2.2), for lengths below 127 + 128 * 128."""
    def text(value):
        size = len(value)
        head = bytes([size]) if size < 127 else bytes([127, (size - 127) & 127 | 128, (size - 127) >> 7])
        return head + value.encode()
    return b"\0" + text(name) + text(value)


def asking(stream, authority, path, token):
    headers = [(":method", "GET"), (":scheme", "http"), (":authority", authority), (":path", path)]
    if token:
        headers.append(("authorization", f"Bearer {token}"))
    return frame(1, 5, stream, b"".join(literal(*header) for header in headers))


def wait_to_send(connection):
    ready = select.poll()
    ready.register(connection, select.POLLOUT)
    ready.poll(1000)


class Connection:
    """A connection of HTTP/2 whose answers are never read: no window is ever opened."""

    def __init__(self, server, source):
        self.socket = socket.create_connection(server, source_address=(source, 0))
        self.socket.setblocking(False)
        self.next, self.resets, self.heads, self.rest, self.is_open = 1, 0, 0, b"", True
        self.send(PREFACE + frame(4, 0, 0, struct.pack(">HI", 4, 0)) + frame(4, 1, 0))

    def send(self, data):
        while data and self.is_open:
            try:
                data = data[self.socket.send(data):]
            except BlockingIOError:
                wait_to_send(self.socket)
            except OSError:
                self.is_open = False

    def ask(self, authority, path, token=None):
        self.send(asking(self.next, authority, path, token))
        self.next += 2

    def hear(self):
        """Counts the heads of answers and the streams that were reset; reads no bodies, since none come."""
        while self.is_open:
            try:
                data = self.socket.recv(1 << 16)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self.is_open = False
            self.rest += data
        while len(self.rest) >= 9:
            size = int.from_bytes(self.rest[:3], "big")
            if len(self.rest) < 9 + size:
                break
            kind, flags = self.rest[3], self.rest[4]
            if kind == 6 and not flags & 1:
                self.send(frame(6, 1, 0, self.rest[9:9 + size]))
            self.resets += kind == 3
            self.heads += kind == 1
            self.rest = self.rest[9 + size:]


def memory(pid):
    if not pid:
        return float("nan")
    with open(f"/proc/{pid}/status") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) / 1024


def call(url, body=None, token=None, method=None, timeout=30):
    headers = {"content-type": "application/json", "accept": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return json.loads(answer.read() or b"null")


def with_tasks(base):
    name = f"hold-{os.getpid()}-{time.time_ns()}@example.com"
    person = {"name": "Hold", "email": name, "password": "correct horse battery"}
    session = call(f"{base}/api/auth/sign-up/email", person)["token"]
    token = call(f"{base}/api/auth/token", token=session)["token"]
    for _ in range(100):
        call(f"{base}/api/me/tasks", {"title": "\u20ac" * 200, "description": "\u20ac" * 2000}, token)
    return token


def hold(arguments, server, authority):
    token = with_tasks(arguments.server) if arguments.tasks else None
    before = memory(arguments.pid)
    print(f"idle: {before:.1f} MB")
    began = time.monotonic()
    connections = [Connection(server, arguments.source) for _ in range(arguments.connections)]
    for connection in connections:
        for _ in range(arguments.streams):
            connection.ask(authority, arguments.path, token)
        connection.hear()
    asked, highest = 0.0, before
    while time.monotonic() - began < arguments.seconds:
        for connection in connections:
            connection.hear()
        if time.monotonic() - asked > 5:
            asked = time.monotonic()
            for connection in connections:
                connection.ask(authority, "/healthz")
        time.sleep(0.5)
        now = memory(arguments.pid)
        highest = max(highest, now)
        honest = time.monotonic()
        try:
            call(f"{arguments.server}/healthz", timeout=10)
            honest = f"{(time.monotonic() - honest) * 1000:.1f} ms"
        except OSError as error:
            honest = str(error)
        answers, resets = (sum(getattr(c, what) for c in connections) for what in ("heads", "resets"))
        is_open = sum(c.is_open for c in connections)
        print(f"{time.monotonic() - began:5.1f} s: {now:7.1f} MB, {is_open} connections, {answers} heads, "
              f"{resets} resets, honest /healthz {honest}", flush=True)
    print(f"highest: {highest:.1f} MB, {highest - before:.1f} MB above idle")


def take_places(arguments, server, authority):
    before = highest = memory(arguments.pid)
    held, waits, began, asked = [], [], time.monotonic(), 0.0
    while time.monotonic() - began < arguments.seconds:
        for _ in range(200):
            stranger = socket.socket()
            stranger.setblocking(False)
            stranger.bind((arguments.source, 0))
            stranger.connect_ex(server)
            if arguments.header:
                wait_to_send(stranger)
                stranger.send(b"GET / HTTP/1.1\r\nx: ".ljust(arguments.header, b"x"))
            held.append(stranger)
        while len(held) > arguments.places:
            held.pop(0).close()
        if time.monotonic() - asked < 0.5:
            continue
        asked = time.monotonic()
        highest = max(highest, memory(arguments.pid))
        try:
            honest = socket.create_connection(server, timeout=20, source_address=(arguments.honest, 0))
            honest.sendall(f"GET /healthz HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n".encode())
            served = honest.recv(4096).startswith(b"HTTP/1.1 200")
            honest.close()
        except OSError:
            served = False
        waits.append(time.monotonic() - asked if served else None)
    served = sorted(wait for wait in waits if wait is not None)
    print(f"an honest client was served {len(served)} of {len(waits)} times"
          + (f", median {served[len(served) // 2] * 1000:.0f} ms, longest {served[-1] * 1000:.0f} ms" if served else ""))
    print(f"memory: {before:.1f} MB before, {highest:.1f} MB at most")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server", help="such as http://127.0.0.1:8080")
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--streams", type=int, default=98, help="on each connection")
    parser.add_argument("--path", default="/metrics")
    parser.add_argument("--tasks", action="store_true", help="sign up and make a hundred large tasks first")
    parser.add_argument("--places", type=int, help="open as many connections instead, again and again")
    parser.add_argument("--header", type=int, help="with --places: how many bytes of a header to send on each")
    parser.add_argument("--source", default="127.0.0.1", help="the address to come from")
    parser.add_argument("--honest", default="127.0.0.2", help="the address of the honest client")
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--pid", type=int, help="the server, if it runs here")
    arguments = parser.parse_args()
    url = urlsplit(arguments.server)
    server = (url.hostname, url.port or 80)
    (take_places if arguments.places else hold)(arguments, server, url.netloc)


if __name__ == "__main__":
    main()
