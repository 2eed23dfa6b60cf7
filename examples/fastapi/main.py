"""A FastAPI backend whose one route only people with a token of Signet reach.

    SIGNET_URL=http://localhost:8080 uvicorn main:app --port 9000

With BETTER_AUTH_SECRET it verifies HS256 under that secret, for a Signet with SIGNET_TOKEN_MODE=hs256.
"""

import os
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

SIGNET = os.environ["SIGNET_URL"]
SECRET = os.environ.get("BETTER_AUTH_SECRET")

# Keeps the keys for five minutes and fetches them anew for a kid that it does not know.
keys = jwt.PyJWKClient(f"{SIGNET}/.well-known/jwks.json", cache_keys=False, lifespan=300, timeout=5)
bearer = HTTPBearer(auto_error=False)
app = FastAPI()


def caller(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> str:
    """Who sent the request: the subject of a valid token."""
    refused = HTTPException(401, "The token is not valid", {"WWW-Authenticate": "Bearer"})
    if credentials is None:
        raise refused
    token, rules = credentials.credentials, {"issuer": SIGNET, "leeway": 30, "options": {"require": ["exp", "sub"]}}
    try:
        if SECRET:
            claims = jwt.decode(token, SECRET, algorithms=["HS256"], **rules)
        else:
            key = keys.get_signing_key_from_jwt(token)
            claims = jwt.decode(token, key, algorithms=["EdDSA"], audience=SIGNET, **rules)
    except jwt.PyJWKClientConnectionError as unreachable:
        raise HTTPException(503, "The keys are not available", {"Retry-After": "5"}) from unreachable
    except jwt.PyJWTError as error:
        raise refused from error
    return claims["sub"]


@app.get("/diary")
def diary(user: Annotated[str, Depends(caller)]) -> str:
    return f"The diary of {user}"
