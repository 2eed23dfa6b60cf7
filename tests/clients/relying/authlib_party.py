# Authlib's client in Flask, as its documentation shows it: PKCE, nonce, claims of the ID token, UserInfo, a refresh.
# usage: python authlib_party.py ISSUER CLIENT_ID CLIENT_SECRET CHOICES
import json
import sys
from wsgiref.simple_server import make_server

from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, request, session

issuer, client_id, client_secret, choices = sys.argv[1:5]
chosen = json.loads(choices)
app = Flask(__name__)
app.secret_key = "of the relying party alone"
app.config["SESSION_COOKIE_NAME"] = "party"
party = OAuth(app).register(
    "signet",
    client_id=client_id,
    client_secret=client_secret,
    server_metadata_url=f"{issuer}/.well-known/openid-configuration",
    client_kwargs={
        "scope": "openid profile email offline_access",
        "code_challenge_method": "S256",
        "token_endpoint_auth_method": chosen.get("method", "client_secret_basic"),
    },
)
kept = {}


@app.get("/login")
def login():
    return party.authorize_redirect(f"{base}/callback", prompt="consent")


@app.get("/callback")
def callback():
    kept["token"] = token = party.authorize_access_token()
    userinfo = party.userinfo(token=token)
    session["sub"] = token["userinfo"]["sub"]
    return {"claims": token["userinfo"], "userinfo": userinfo, "scope": token["scope"]}


@app.get("/refresh")
def refresh():
    before = kept["token"]
    after = party.fetch_access_token(grant_type="refresh_token", refresh_token=before["refresh_token"])
    userinfo = party.userinfo(token=after)
    return {"userinfo": userinfo, "rotated": after["refresh_token"] != before["refresh_token"]}


@app.get("/logout")
def logout():
    session.clear()
    metadata = party.load_server_metadata()
    hint = kept["token"]["id_token"]
    query = f"id_token_hint={hint}&post_logout_redirect_uri={base}/signed-out&state=of-logout"
    return redirect(f"{metadata['end_session_endpoint']}?{query}")


@app.get("/signed-out")
def signed_out():
    return {"signed_out": True, "state": request.args.get("state")}


server = make_server("127.0.0.1", 0, app)
base = f"http://127.0.0.1:{server.server_port}"
registered = {"redirect_uris": [f"{base}/callback"], "post_logout_redirect_uris": [f"{base}/signed-out"]}
print(json.dumps({"base": base, "login": f"{base}/login", **registered}), flush=True)
server.serve_forever()
