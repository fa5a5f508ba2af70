# serve_double.py PORT: Stripe's API at http://127.0.0.1:PORT/v1/…; each key sk_test_<name> is an account of its own.
import re
import sys
import uvicorn
from seahaven.http import app as make
from seahaven_stripe_world import world
from seahaven_stripe_world.http_api import handle

inner = make(world, handle, reset_options={"startup": {"livemode": False}}, max_instances=0)


def account(headers):
    found = re.fullmatch(r"Bearer sk_test_([A-Za-z0-9-]{1,64})", headers.get("authorization", ""))
    return found[1] if found else "default"


async def app(scope, receive, send):
    if scope["type"] == "http" and scope["path"].startswith("/v1/"):
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        scope = dict(scope, path=f"/worlds/{account(headers)}{scope['path']}", raw_path=None)
    await inner(scope, receive, send)


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
