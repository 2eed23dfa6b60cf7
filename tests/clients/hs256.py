"""Old backends that share the secret: they read our HS256 tokens, and we are to read theirs.

usage: hs256.py SECRET TOKEN USER_ID; prints one token of each library, to be shown to the tasks API
"""

import sys
import time

import jose.jwt
import jwt

secret, token, user_id = sys.argv[1:]
for decode in (jwt.decode, jose.jwt.decode):
    claims = decode(token, secret, algorithms=["HS256"])
    assert claims["sub"] == claims["userId"] == claims["user_id"] == user_id, claims
    assert "aud" not in claims, claims

now = int(time.time())
theirs = {"sub": user_id, "email": "old@example.com", "iat": now, "exp": now + 7 * 24 * 3600}
print(jwt.encode(theirs, secret, algorithm="HS256"))
print(jose.jwt.encode(theirs, secret, algorithm="HS256"))
