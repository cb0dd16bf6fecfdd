"""A stand-in for Better Auth: signs tokens as it does and publishes its keys over real HTTP."""

import base64
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import get_default_algorithms

CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
RSA_KEY = rsa.generate_private_key(65537, 2048)  # once, because making one takes long


def new_key(algorithm: str) -> Any:
    if algorithm == "Ed448":
        return ed448.Ed448PrivateKey.generate()
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(CURVES[algorithm]) if algorithm in CURVES else RSA_KEY


class SigningKey:
    """A private key and its entry in the key set, as Better Auth 1.7 writes it: never with `use`."""

    def __init__(self, algorithm: str = "EdDSA") -> None:
        self.kid = uuid4().hex
        self.private = new_key(algorithm)
        self.algorithm = "EdDSA" if algorithm == "Ed448" else algorithm
        public = get_default_algorithms()[self.algorithm].to_jwk(self.private.public_key(), as_dict=True)
        public.pop("key_ops", None)
        self.jwk: dict[str, Any] = {**public, "kid": self.kid, "alg": self.algorithm}

    def sign(self, claims: dict[str, Any]) -> str:
        headers = {"kid": self.kid, "typ": None}
        return jwt.api_jws.encode(json.dumps(claims).encode(), self.private, self.algorithm, headers)


class AuthServer:
    """Keys, tokens, and a key set address whose answers a test can replace; `fetches` counts requests.

    An answer that a test makes slow ends once the server `hangs_up`.
    """

    def __init__(self) -> None:
        self.keys = [SigningKey()]
        self.hangs_up = threading.Event()
        self.fetches = 0
        self.answer: Callable[[Any], None] = self.publish
        server = self

        class Handler(BaseHTTPRequestHandler):
            hangs_up = self.hangs_up

            def do_GET(self) -> None:
                server.fetches += 1
                server.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def publish(self, request: BaseHTTPRequestHandler) -> None:
        found = request.path == "/api/auth/jwks"
        self.reply(request, json.dumps({"keys": [key.jwk for key in self.keys]}), 200 if found else 404)

    @staticmethod
    def reply(request: BaseHTTPRequestHandler, body: str, status: int = 200, **headers: str) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body.encode())

    def rotate(self, algorithm: str = "EdDSA") -> SigningKey:
        self.keys = [SigningKey(algorithm), *self.keys]
        return self.keys[0]

    def claims(self, user: str = "mXr2Kq0vT8bN5cLw3eYhZ1uJ7sPd9aGf", **changes: Any) -> dict[str, Any]:
        """The claims of Better Auth 1.7's jwt plugin; a change to None leaves the claim out."""
        now = int(time.time())
        claims = {
            "iat": now,
            "name": "Ada Lovelace",
            "email": "ada@example.com",
            "emailVerified": True,
            "createdAt": "2026-01-01T00:00:00.000Z",
            "updatedAt": "2026-01-01T00:00:00.000Z",
            "id": user,
            "sub": user,
            "exp": now + 900,
            "iss": self.url,
            "aud": self.url,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, user: str = "mXr2Kq0vT8bN5cLw3eYhZ1uJ7sPd9aGf", **changes: Any) -> str:
        return self.keys[0].sign(self.claims(user, **changes))

    def close(self) -> None:
        self.hangs_up.set()
        self.http.shutdown()
        self.http.server_close()


def drip(request: Any) -> None:
    """Answer a byte at a time, until the server hangs up."""
    request.send_response(200)
    request.end_headers()
    while not request.hangs_up.wait(0.1):
        request.wfile.write(b" ")


def encode(value: object) -> str:
    """A part of a token made by hand."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
