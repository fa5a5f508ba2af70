# check_objects.py < ANSWERS: prints what Stripe's OpenAPI description would not have so in a JSON array of answers.
import json
import pathlib
import sys

import seahaven_stripe_world
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012


def with_null(schema):
    # Stripe writes `nullable` beside `anyOf` too, where a validator of OpenAPI 3.0 does not look.
    if isinstance(schema, list):
        return [with_null(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: with_null(value) for name, value in schema.items() if name != "nullable"}
    return {"anyOf": [inner, {"type": "null"}]} if schema.get("nullable") is True else inner


spec = json.loads((pathlib.Path(seahaven_stripe_world.__file__).parent / "spec/spec3.json").read_text())
schemas = with_null(spec["components"]["schemas"])
contents = {"components": {"schemas": schemas}}
known = Registry().with_resource("urn:stripe", Resource(contents=contents, specification=DRAFT202012))


def check(value):
    kind = "error" if "error" in value else value["object"]
    if value.get("deleted") is True:
        kind = "deleted_" + kind
    if kind in ("list", "search_result"):
        for item in value["data"]:
            yield from check(item)
        return
    if kind not in schemas:
        yield f"{kind}: Stripe has no such object"
        return
    reference = {"$ref": f"urn:stripe#/components/schemas/{kind}"}
    for error in Draft202012Validator(reference, registry=known).iter_errors(value):
        yield f"{kind} {'/'.join(map(str, error.path))}: {error.message[:200]}"
    for member in value.keys() - schemas[kind]["properties"].keys():
        yield f"{kind} {member}: Stripe has no such member"
    if kind == "event":
        yield from check(value["data"]["object"])


for line in sorted({line for value in json.load(sys.stdin) for line in check(value)}):
    print(line)
