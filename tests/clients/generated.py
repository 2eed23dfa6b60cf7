# Clients that widespread generators make of the OpenAPI documents: each signs up, reads its session and minds a task.
# usage: python generated.py DOCUMENTS SIGNET FOLDER
import os
import subprocess
import sys
from pathlib import Path

documents, signet, folder = sys.argv[1:]
tools = Path(sys.executable).parent
os.environ["PATH"] = f"{tools}:{os.environ['PATH']}"  # the generators call others of theirs
sys.path.insert(0, folder)


def generate(*command):
    ran = subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert ran.returncode == 0, ran.stdout
    return ran.stdout


def openapi_python_client():
    for name in ["identity", "tasks"]:
        said = generate(
            f"{tools}/openapi-python-client", "generate", "--path", f"{documents}/{name}.json",
            "--meta", "none", "--output-path", f"{name}_client", "--fail-on-warning",
        )
        assert "arning" not in said, said
    from identity_client import AuthenticatedClient, Client
    from identity_client.api.account import update_user
    from identity_client.api.sessions import get_session, get_token
    from identity_client.api.signing_in import sign_up_email
    from identity_client.models import SignUp, UpdateUserType0
    from tasks_client import AuthenticatedClient as TasksClient
    from tasks_client.api.tasks import complete_task, create_task, list_tasks
    from tasks_client.models import Completion, TaskDraft

    nobody = Client(base_url=signet, raise_on_unexpected_status=True)
    assert get_session.sync(client=nobody) is None
    body = SignUp(name="Ada", email="one@example.com", password="correct horse battery")
    signed_up = sign_up_email.sync(client=nobody, body=body)
    ada = AuthenticatedClient(base_url=signet, token=signed_up.token, raise_on_unexpected_status=True)
    session = get_session.sync(client=ada)
    assert (session.user.name, session.user.image) == ("Ada", None), session
    update_user.sync(client=ada, body=UpdateUserType0(name="Countess"))
    assert get_session.sync(client=ada).user.name == "Countess"
    tasks = TasksClient(base_url=signet, token=get_token.sync(client=ada).token, raise_on_unexpected_status=True)
    task = create_task.sync("me", client=tasks, body=TaskDraft(title="milk", description=None))
    assert complete_task.sync("me", task.id, client=tasks, body=Completion()).completed
    assert [one.title for one in list_tasks.sync("me", client=tasks, completed=True)] == ["milk"]


def openapi_generator():
    for name in ["identity", "tasks"]:
        generate(
            f"{tools}/openapi-generator-cli", "generate", "-g", "python", "-i", f"{documents}/{name}.json",
            "-o", f"of_{name}", f"--additional-properties=packageName=openapi_{name}",
        )
        sys.path.insert(0, f"{folder}/of_{name}")
    import openapi_identity
    import openapi_tasks

    def client(package, token=None):
        return package.ApiClient(package.Configuration(host=signet, access_token=token))

    nobody = client(openapi_identity)
    assert openapi_identity.SessionsApi(nobody).get_session() is None
    body = openapi_identity.SignUp(name="Ada", email="two@example.com", password="correct horse battery")
    signed_up = openapi_identity.SigningInApi(nobody).sign_up_email(body)
    sessions = openapi_identity.SessionsApi(client(openapi_identity, signed_up.token))
    session = sessions.get_session()
    assert (session.user.name, session.user.image) == ("Ada", None), session
    tasks = openapi_tasks.TasksApi(client(openapi_tasks, sessions.get_token().token))
    # Its models send null for what is not given.
    draft = openapi_tasks.TaskDraft(title="milk", description=None, completed=None)
    task = tasks.create_task("me", draft)
    assert tasks.complete_task("me", task.id, openapi_tasks.Completion(completed=None)).completed
    # It writes `True`.
    assert [one.title for one in tasks.list_tasks("me", completed=True)] == ["milk"]


openapi_python_client()
openapi_generator()
print("every generated client as expected")
