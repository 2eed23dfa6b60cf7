"""Signs in on a machine without a browser, by the standard flow (RFC 8628), with nothing but Python's own library.

Usage: device.py ISSUER CLIENT_ID SCOPE
It prints, a JSON document a line, where the user has to go with which code, and in the end who they are.
"""

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def ask(url, **form):
    request = urllib.request.Request(url, urllib.parse.urlencode(form).encode())
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def say(document):
    print(json.dumps(document), flush=True)


def main(issuer, client_id, scope):
    with urllib.request.urlopen(issuer + "/.well-known/openid-configuration") as answer:
        metadata = json.load(answer)
    assert metadata["issuer"] == issuer, metadata
    assert GRANT in metadata["grant_types_supported"], metadata
    status, device = ask(metadata["device_authorization_endpoint"], client_id=client_id, scope=scope)
    assert status == 200, device
    say({name: device[name] for name in ("user_code", "verification_uri", "verification_uri_complete", "expires_in", "interval")})
    interval = device["interval"]
    while True:
        time.sleep(interval)
        status, answer = ask(metadata["token_endpoint"], grant_type=GRANT, device_code=device["device_code"], client_id=client_id)
        if status == 200:
            break
        if answer["error"] == "slow_down":
            interval += 5
        elif answer["error"] != "authorization_pending":
            say({"error": answer["error"]})
            return
    request = urllib.request.Request(
        metadata["userinfo_endpoint"], headers={"authorization": "Bearer " + answer["access_token"]}
    )
    with urllib.request.urlopen(request) as about:
        user = json.load(about)
    status, again = ask(
        metadata["token_endpoint"], grant_type="refresh_token", refresh_token=answer["refresh_token"], client_id=client_id
    )
    say({"user": user, "scope": answer["scope"], "refreshed": status == 200 and again["access_token"] != answer["access_token"]})


main(*sys.argv[1:])
