"""PyJWT verifies tokens with nothing but the URL of the key set.

usage: pyjwt_jwks.py JWKS_URL ISSUER TOKEN...
"""

import sys

import jwt

ALGORITHMS = ["EdDSA", "ES256", "RS256"]
url, issuer, *tokens = sys.argv[1:]
keys = jwt.PyJWKClient(url)
for token in tokens:
    key = keys.get_signing_key_from_jwt(token)
    claims = jwt.decode(token, key, algorithms=ALGORITHMS, issuer=issuer, audience=issuer)
    print(jwt.get_unverified_header(token)["alg"], claims["sub"])
    try:
        jwt.decode(token[:-4] + "AAAA", key, algorithms=ALGORITHMS, issuer=issuer, audience=issuer)
    except jwt.InvalidSignatureError:
        continue
    sys.exit("a tampered token was accepted")
