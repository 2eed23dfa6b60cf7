# A Django site whose users sign in by mozilla-django-oidc, by social-auth or by django-allauth, each as its documentation
# shows it.
# usage: python django_party.py ISSUER CLIENT_ID CLIENT_SECRET '{"library": "mozilla" | "social" | "allauth"}'
import json
import sys
from wsgiref.simple_server import make_server

import django
import requests
from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.urls import include, path
from django.utils.functional import SimpleLazyObject

issuer, client_id, client_secret, choices = sys.argv[1:5]
chosen = json.loads(choices)
library = chosen["library"]
server = make_server("127.0.0.1", 0, None)
base = f"http://127.0.0.1:{server.server_port}"
algorithm = chosen.get("algorithm", "RS256")

apps = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages"]
middleware = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]


def metadata(name):
    """An address out of the metadata, looked up when it is first used."""
    document = f"{issuer}/.well-known/openid-configuration"
    return SimpleLazyObject(lambda: requests.get(document, timeout=20).json()[name])


if library == "mozilla":
    apps.append("mozilla_django_oidc")
    backends = ["mozilla_django_oidc.auth.OIDCAuthenticationBackend"]
    own = {
        "OIDC_RP_CLIENT_ID": client_id,
        "OIDC_RP_CLIENT_SECRET": client_secret,
        "OIDC_RP_SIGN_ALGO": algorithm,
        "OIDC_RP_SCOPES": "openid email profile",
        "OIDC_USE_PKCE": True,
        "OIDC_STORE_ID_TOKEN": True,
        "OIDC_OP_AUTHORIZATION_ENDPOINT": metadata("authorization_endpoint"),
        "OIDC_OP_TOKEN_ENDPOINT": metadata("token_endpoint"),
        "OIDC_OP_USER_ENDPOINT": metadata("userinfo_endpoint"),
        "OIDC_OP_JWKS_ENDPOINT": metadata("jwks_uri"),
    }
    login, callback = "/oidc/authenticate/", "/oidc/callback/"
    mounted = "oidc/", "mozilla_django_oidc.urls"
elif library == "social":
    apps.append("social_django")
    backends = ["social_core.backends.open_id_connect.OpenIdConnectAuth"]
    own = {
        "SOCIAL_AUTH_OIDC_OIDC_ENDPOINT": issuer,
        "SOCIAL_AUTH_OIDC_KEY": client_id,
        "SOCIAL_AUTH_OIDC_SECRET": client_secret,
        "SOCIAL_AUTH_OIDC_USE_PKCE": True,
        "SOCIAL_AUTH_OIDC_JWT_ALGORITHMS": [algorithm],
    }
    login, callback = "/sign-in", "/complete/oidc/"
    mounted = "", "social_django.urls"
else:
    apps += ["allauth", "allauth.account", "allauth.socialaccount", "allauth.socialaccount.providers.openid_connect"]
    middleware.append("allauth.account.middleware.AccountMiddleware")
    backends = ["allauth.account.auth_backends.AuthenticationBackend"]
    provider = {"provider_id": "signet", "name": "Signet", "client_id": client_id, "secret": client_secret, "settings": {"server_url": issuer}}
    own = {
        "SOCIALACCOUNT_PROVIDERS": {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [provider]}},
        "SOCIALACCOUNT_LOGIN_ON_GET": True,
        "ACCOUNT_EMAIL_VERIFICATION": "none",
    }
    login, callback = "/accounts/oidc/signet/login/", "/accounts/oidc/signet/login/callback/"
    mounted = "accounts/", "allauth.urls"

settings.configure(
    SECRET_KEY="of the relying party alone",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=apps,
    MIDDLEWARE=middleware,
    AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.ModelBackend", *backends],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    SESSION_COOKIE_NAME="party",
    LOGIN_REDIRECT_URL="/me",
    LOGIN_REDIRECT_URL_FAILURE="/failed",
    LOGGING={"version": 1, "disable_existing_loggers": False,
             "handlers": {"stderr": {"class": "logging.StreamHandler"}}, "root": {"handlers": ["stderr"]}},
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
                "OPTIONS": {"context_processors": ["django.template.context_processors.request"]}}],
    **own,
)
django.setup()

from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402


def sign_in(request):
    """A button, as a site has it whose library takes a sign-in by POST alone."""
    token = f'<input type="hidden" name="csrfmiddlewaretoken" value="{get_token(request)}">'
    return HttpResponse(f'<form method="post" action="/login/oidc/">{token}<button>Sign in with Signet</button></form>')


def me(request):
    if not request.user.is_authenticated:
        return JsonResponse({"signed_in": False}, status=401)
    claims = {"email": request.user.email}
    if library == "social":
        account = request.user.social_auth.get()
        claims["sub"] = account.uid
    if library == "allauth":
        from allauth.socialaccount.models import SocialAccount

        account = SocialAccount.objects.get(user=request.user)
        data = account.extra_data
        told = data.get("userinfo") or data.get("id_token") or data
        claims.update(sub=account.uid, email_verified=told.get("email_verified"), name=told.get("name"))
    if library == "mozilla":
        import base64

        part = request.session["oidc_id_token"].split(".")[1]
        told = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        claims.update({name: told.get(name) for name in ["sub", "name", "email_verified"]})
    return JsonResponse({"claims": claims})


urlpatterns = [
    path("sign-in", sign_in),
    path("me", me),
    path("failed", lambda request: JsonResponse({"failed": request.GET.dict()}, status=400)),
    path(mounted[0], include(mounted[1])),
]
call_command("migrate", verbosity=0)
server.set_app(get_wsgi_application())
registered = {"redirect_uris": [base + callback], "post_logout_redirect_uris": []}
print(json.dumps({"base": base, "login": base + login, **registered}), flush=True)
server.serve_forever()
