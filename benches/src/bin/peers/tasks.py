"""A FastAPI resource server: each user's own tasks in SQLite, behind tokens that PyJWT verifies.

    ISSUER=http://localhost:8080 DATABASE=tasks.db uvicorn tasks:app --loop uvloop --http httptools
"""

import os
import sqlite3
import time
import uuid
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field

ISSUER = os.environ["ISSUER"]

# Keeps the keys themselves, for ever: the fastest that PyJWT can do.
keys = jwt.PyJWKClient(f"{ISSUER}/api/auth/jwks", cache_keys=True, timeout=5)
bearer = HTTPBearer(auto_error=False)
app = FastAPI()

# One connection, asked on the event loop: a thread for each request costs more than SQLite does.
database = sqlite3.connect(os.environ["DATABASE"], isolation_level=None, check_same_thread=False)
database.executescript("""
    PRAGMA busy_timeout = 4000;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS tasks (
        id TEXT NOT NULL PRIMARY KEY, user_id TEXT NOT NULL, title TEXT NOT NULL, description TEXT NOT NULL,
        completed INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS tasks_page ON tasks (user_id, created_at DESC, id DESC);
""")


class NewTask(BaseModel):
    title: Annotated[str, Field(min_length=1, max_length=200)]
    description: Annotated[str, Field(max_length=1000)] = ""


class Task(BaseModel):
    id: str
    user_id: str
    title: str
    description: str
    completed: bool
    created_at: int
    updated_at: int


async def caller(
    user_id: str, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> str:
    """Who sent the request: the subject of a valid token, who asks for what is theirs."""
    refused = HTTPException(401, "The token is not valid", {"WWW-Authenticate": "Bearer"})
    if credentials is None:
        raise refused
    token, required = credentials.credentials, {"require": ["exp", "sub"]}
    try:
        key = keys.get_signing_key_from_jwt(token)
        claims = jwt.decode(
            token, key, algorithms=["EdDSA"], issuer=ISSUER, audience=ISSUER, leeway=30, options=required
        )
    except jwt.PyJWTError as error:
        raise refused from error
    if user_id not in ("me", claims["sub"]):
        raise HTTPException(403, "Not your tasks")
    return claims["sub"]


Owner = Annotated[str, Depends(caller)]


@app.get("/healthz")
async def healthz() -> str:
    return "ok"


@app.get("/api/{user_id}/tasks")
async def listed(owner: Owner) -> list[Task]:
    rows = database.execute(
        "SELECT id, user_id, title, description, completed, created_at, updated_at FROM tasks"
        " WHERE user_id = ? ORDER BY created_at DESC, id DESC LIMIT 50",
        (owner,),
    )
    names = Task.model_fields
    return [Task(**dict(zip(names, row))) for row in rows]


@app.post("/api/{user_id}/tasks", status_code=201)
async def create(owner: Owner, new: NewTask) -> Task:
    now = time.time_ns() // 1_000_000
    task = Task(
        id=uuid.uuid4().hex, user_id=owner, title=new.title, description=new.description, completed=False,
        created_at=now, updated_at=now,
    )
    database.execute("INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?)", tuple(task.model_dump().values()))
    return task
