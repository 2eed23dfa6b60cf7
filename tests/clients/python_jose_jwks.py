"""python-jose verifies tokens with the key set as it is published. It knows ES256 and RS256, and no EdDSA.

usage: python_jose_jwks.py JWKS_URL ISSUER TOKEN...
"""

import json
import sys
import urllib.request

from jose import jwt
from jose.exceptions import JWTError

url, issuer, *tokens = sys.argv[1:]
with urllib.request.urlopen(url) as answer:
    published = json.load(answer)["keys"]
for token in tokens:
    header = jwt.get_unverified_header(token)
    [key] = [key for key in published if key["kid"] == header["kid"]]
    named = {"algorithms": ["ES256", "RS256"], "issuer": issuer, "audience": issuer}
    claims = jwt.decode(token, key, **named)
    print(header["alg"], claims["sub"])
    try:
        jwt.decode(token[:-4] + "AAAA", key, **named)
    except JWTError:
        continue
    sys.exit("a tampered token was accepted")
