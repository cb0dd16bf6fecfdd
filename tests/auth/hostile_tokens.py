"""Tokens that must not be let in, whatever they pretend to be."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.auth_server import AuthServer, SigningKey, encode
from tests.people import SECRET, claims_for, token_for


def hs256(header: object, payload: object, secret: str = SECRET) -> str:
    """A token put together by hand, truly signed, whatever it says."""
    signed = f"{encode(header)}.{encode(payload)}"
    signature = hmac.digest(secret.encode(), signed.encode(), hashlib.sha256)
    return f"{signed}.{encode(signature)}"


HS = {"alg": "HS256", "typ": "JWT"}
GOOD = claims_for("ada", exp=4_000_000_000)
DEEP = b'{"sub": "ada", "exp": 4000000000, "x": ' + b"[" * 3000 + b"]" * 3000 + b"}"


def raw(text: str) -> bytes:
    return text.encode()


HOSTILE = {
    # what is no token at all
    "rubbish": "rubbish",
    "two parts": "a.b",
    "three empty parts": "..",
    "four parts": token_for("ada") + ".x",
    "five parts, as an encrypted token has": "a.b.c.d.e",
    "no base64": "!!!.???.***",
    "non-ASCII": "ä.ö.ü",
    "a space inside": token_for("ada").replace(".", ". ", 1),
    "15 KiB of dots": "." * 15_000,
    # signatures
    "no signature": token_for("ada").rpartition(".")[0] + ".",
    "signature cut short": token_for("ada")[:-2],
    "signature of another token": token_for("ada").rpartition(".")[0] + "." + token_for("bob").split(".")[2],
    "payload swapped": ".".join(
        [token_for("ada").split(".")[0], encode(claims_for("bob")), token_for("ada").split(".")[2]]
    ),
    "another secret": hs256(HS, GOOD, "another secret, also more than 32 bytes long"),
    "the empty secret": hs256(HS, GOOD, ""),
    "the secret cut to 32": hs256(HS, GOOD, SECRET[:32]),
    # algorithms
    "none": f"{encode({'alg': 'none'})}.{encode(GOOD)}.",
    "None": f"{encode({'alg': 'None'})}.{encode(GOOD)}.",
    "nOnE with a signature": hs256({"alg": "nOnE"}, GOOD),
    "no algorithm": hs256({"typ": "JWT"}, GOOD),
    "the empty algorithm": hs256({"alg": ""}, GOOD),
    "hs256 in lower case": hs256({"alg": "hs256"}, GOOD),
    "HS384 with our secret": jwt.encode(GOOD, SECRET * 2, "HS384"),
    "HS512 with our secret": jwt.encode(GOOD, SECRET * 2, "HS512"),
    "an algorithm that is a list": hs256({"alg": ["HS256"]}, GOOD),
    "an algorithm that is an object": hs256({"alg": {"a": 1}}, GOOD),
    "an algorithm that is null": hs256({"alg": None}, GOOD),
    "an algorithm that is a number": hs256({"alg": 256}, GOOD),
    "ES256K": hs256({"alg": "ES256K", "kid": "a"}, GOOD),
    "RS256 that is an HMAC": hs256({"alg": "RS256", "kid": "a"}, GOOD),
    "EdDSA without a kid": hs256({"alg": "EdDSA"}, GOOD),
    # headers that point elsewhere or mean something else
    "a critical extension": hs256({**HS, "crit": ["b64"], "b64": False}, GOOD),
    "an unknown critical extension": hs256({**HS, "crit": ["x"]}, GOOD),
    "kid as a number": hs256({"alg": "EdDSA", "kid": 1}, GOOD),
    "kid as a list": hs256({"alg": "EdDSA", "kid": []}, GOOD),
    "kid as a path": hs256({"alg": "EdDSA", "kid": "../../dev/null"}, GOOD),
    "kid as SQL": hs256({"alg": "EdDSA", "kid": "' UNION SELECT 'x"}, GOOD),
    "a header that is a list": hs256([], GOOD),
    "a header that is null": hs256(None, GOOD),
    "a header that is no JSON": hs256(raw("{"), GOOD),
    "a header nested deep": hs256(b"[" * 3000 + b"]" * 3000, GOOD),
    # payloads
    "a payload that is a list": hs256(HS, [GOOD]),
    "a payload that is a string": hs256(HS, "ada"),
    "a payload that is null": hs256(HS, None),
    "an empty payload": hs256(HS, {}),
    "a payload that is no JSON": hs256(HS, raw('{"sub": ')),
    "a payload that is no UTF-8": hs256(HS, b'{"sub": "\xff", "exp": 4000000000}'),
    "a payload with a number of 5,000 digits": hs256(HS, raw('{"sub": "ada", "exp": 4' + "0" * 5000 + "}")),
    # sub
    "no sub": hs256(HS, {"exp": 4_000_000_000}),
    "no sub but user_id": hs256(HS, {"exp": 4_000_000_000, "user_id": "ada", "userId": "ada", "id": "ada"}),
    "an empty sub": hs256(HS, {**GOOD, "sub": ""}),
    "a sub that is null": hs256(HS, {**GOOD, "sub": None}),
    "a sub that is a number": hs256(HS, {**GOOD, "sub": 1}),
    "a sub that is true": hs256(HS, {**GOOD, "sub": True}),
    "a sub that is a list": hs256(HS, {**GOOD, "sub": ["ada"]}),
    "a sub that is an object": hs256(HS, {**GOOD, "sub": {"$ne": ""}}),
    "a sub of 256 characters": hs256(HS, {**GOOD, "sub": "x" * 256}),
    "a sub with NUL": hs256(HS, {**GOOD, "sub": "ada\x00"}),
    "a sub with half a surrogate pair": hs256(HS, {**GOOD, "sub": "\ud800"}),
    # times
    "no exp": hs256(HS, {"sub": "ada"}),
    "an exp that is null": hs256(HS, {**GOOD, "exp": None}),
    "an exp that is a string": hs256(HS, {**GOOD, "exp": "4000000000"}),
    "an exp that is words": hs256(HS, {**GOOD, "exp": "tomorrow"}),
    "an exp that is a list": hs256(HS, {**GOOD, "exp": [4_000_000_000]}),
    "an exp that is an object": hs256(HS, {**GOOD, "exp": {}}),
    "an exp that is infinite": hs256(HS, raw('{"sub": "ada", "exp": Infinity}')),
    "an exp that is not a number": hs256(HS, raw('{"sub": "ada", "exp": NaN}')),
    "an exp of 1e400": hs256(HS, raw('{"sub": "ada", "exp": 1e400}')),
    "an nbf in the future": hs256(HS, {**GOOD, "nbf": 3_900_000_000}),
    "an nbf that is a string": hs256(HS, {**GOOD, "nbf": "1"}),
    "an iat in the future": hs256(HS, {**GOOD, "iat": 3_900_000_000}),
    "an iat that is a list": hs256(HS, {**GOOD, "iat": []}),
    "an iat that is a string": hs256(HS, {**GOOD, "iat": "1"}),
    "a refresh token": hs256(HS, {**GOOD, "type": "refresh"}),
}


def confused(auth_server: AuthServer) -> Iterator[tuple[str, str]]:
    """Tokens that mix up keys, algorithms, issuers and audiences of the key set."""
    key = auth_server.keys[0]
    pem = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    claims = auth_server.claims("ada")
    header = {"alg": "HS256", "kid": key.kid}
    for name, secret in {
        "the PEM": pem,
        "the raw key": base64.urlsafe_b64decode(key.jwk["x"] + "="),
        "the JWK": json.dumps(key.jwk).encode(),
        "x": key.jwk["x"].encode(),
    }.items():
        signed = f"{encode(header)}.{encode(claims)}"
        yield f"{name} as HMAC secret", f"{signed}.{encode(hmac.digest(secret, signed.encode(), 'sha256'))}"
    forger = ed25519.Ed25519PrivateKey.generate()
    public = encode(forger.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": public}
    pointers: dict[str, dict[str, Any]] = {
        "a forged key of the same name": {},
        "a key in the header": {"jwk": jwk},
        "a key set in the header": {"jku": f"{auth_server.url}/evil"},
        "a certificate in the header": {"x5u": f"{auth_server.url}/evil", "x5c": [public]},
    }
    for name, more in pointers.items():
        yield name, jwt.encode(claims, forger, "EdDSA", {"kid": key.kid, **more})
    es256 = auth_server.rotate("ES256")
    yield "a key of another kind", jwt.encode(claims, es256.private, "ES256", {"kid": key.kid})
    yield "another key's algorithm", jwt.encode(claims, key.private, "EdDSA", {"kid": es256.kid})
    rs256 = auth_server.rotate("RS256")
    yield "another algorithm than the key's", jwt.encode(claims, rs256.private, "PS256", {"kid": rs256.kid})
    other = "https://other.example.com"
    changed: dict[str, dict[str, Any]] = {
        "another issuer": {"iss": other},
        "no issuer": {"iss": None},
        "an issuer with a slash": {"iss": auth_server.url + "/"},
        "an issuer that is a list": {"iss": [auth_server.url]},
        "another audience": {"aud": other},
        "no audience": {"aud": None},
        "an empty list of audiences": {"aud": []},
        "an audience that is an object": {"aud": {auth_server.url: 1}},
        "an audience that is a number": {"aud": 1},
        "no exp": {"exp": None},
        "no sub": {"sub": None},
    }
    for name, changes in changed.items():
        yield name, auth_server.token("ada", **changes)
    yield "a key that is not published", SigningKey().sign(claims)
