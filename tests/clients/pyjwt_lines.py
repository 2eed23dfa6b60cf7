"""PyJWT as a backend runs it: one process, one key set that it renews by itself.

usage: pyjwt_lines.py JWKS_URL ISSUER CACHE_SECONDS COOLDOWN_SECONDS
A token per line in; per line out: `ok`, `no WHY` of the token, or `keys WHY` when the key set could not be had.
"""

import sys

import jwt

url, issuer, cache, cooldown = sys.argv[1:]
keys = jwt.PyJWKClient(url, lifespan=float(cache), cooldown_duration=float(cooldown))


def verdict(token: str) -> str:
    try:
        key = keys.get_signing_key_from_jwt(token)
        jwt.decode(token, key, algorithms=["EdDSA"], issuer=issuer, audience=issuer)
    except jwt.PyJWKClientConnectionError as error:
        return f"keys {error}"
    except jwt.PyJWTError as error:
        return f"no {type(error).__name__}: {error}"
    return "ok"


for line in sys.stdin:
    print(verdict(line.strip()), flush=True)
