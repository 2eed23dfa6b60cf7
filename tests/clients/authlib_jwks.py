"""Authlib verifies tokens with the key set as it is published.

usage: authlib_jwks.py JWKS_URL ISSUER TOKEN...
"""

import json
import sys
import urllib.request

from authlib.jose import JsonWebKey, JsonWebToken
from authlib.jose.errors import BadSignatureError

url, issuer, *tokens = sys.argv[1:]
with urllib.request.urlopen(url) as answer:
    keys = JsonWebKey.import_key_set(json.load(answer))
jwt = JsonWebToken(["EdDSA", "ES256", "RS256"])
named = {name: {"essential": True, "value": issuer} for name in ("iss", "aud")}
for token in tokens:
    claims = jwt.decode(token, keys, claims_options=named)
    claims.validate()
    print(claims.header["alg"], claims["sub"])
    try:
        jwt.decode(token[:-4] + "AAAA", keys)
    except BadSignatureError:
        continue
    sys.exit("a tampered token was accepted")
