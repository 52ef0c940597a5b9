#!/usr/bin/env python3
"""Takes from Microsoft's OpenAPI documents what the tests compare answers with: for each operation its responses, and
the definitions that those need. Words for people, examples, parameters and requests stay behind.

    extract.py DOCUMENT.json … writes EXTRACT.json beside this file, under the document's name
"""

import json
import pathlib
import sys

METHODS = ("get", "put", "post", "patch", "delete", "head")
KEPT = ("$ref", "type", "format", "enum", "required", "readOnly", "minimum", "maximum", "x-ms-secret", "x-ms-mutability")
# Of the documents that the others refer to, in the version that they mean.
SHARED = {
    "ErrorResponse": {"type": "object", "properties": {"error": {"$ref": "#/definitions/ErrorDetail"}}},
    "ErrorDetail": {
        "type": "object",
        "properties": {
            "code": {"type": "string"},
            "message": {"type": "string"},
            "target": {"type": "string"},
            "details": {"type": "array", "items": {"$ref": "#/definitions/ErrorDetail"}},
            "additionalInfo": {"type": "array", "items": {"type": "object"}},
        },
    },
}


def reference(target):
    """Whatever file a name is in, it is a definition of ours."""
    return "#/definitions/" + target.rsplit("/", 1)[1]


def schema(source):
    kept = {key: source[key] for key in KEPT if key in source}
    if "$ref" in kept:
        kept["$ref"] = reference(kept["$ref"])
    if "properties" in source:
        kept["properties"] = {name: schema(value) for name, value in source["properties"].items()}
    if "items" in source:
        kept["items"] = schema(source["items"])
    if "allOf" in source:
        kept["allOf"] = [schema(part) for part in source["allOf"]]
    if isinstance(source.get("additionalProperties"), dict):
        kept["additionalProperties"] = schema(source["additionalProperties"])
    elif source.get("additionalProperties"):
        kept["additionalProperties"] = {}
    return kept


def references(value):
    if isinstance(value, dict):
        for key, item in value.items():
            yield from [item.rsplit("/", 1)[1]] if key == "$ref" else references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def extract(document):
    operations = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                answers = operation["responses"]
                operations[f"{method.upper()} {path}"] = {
                    status: schema(answer["schema"]) if "schema" in answer else None
                    for status, answer in answers.items()
                }
    known = {**SHARED, **document["definitions"]}
    definitions, open_names = {}, set(references(operations))
    while open_names:
        name = open_names.pop()
        definitions[name] = schema(known[name])
        open_names |= set(references(definitions[name])) - set(definitions)
    return {"operations": operations, "definitions": definitions}


for argument in sys.argv[1:]:
    source = pathlib.Path(argument)
    extracted = extract(json.loads(source.read_text()))
    lines = []
    for part, entries in extracted.items():
        rows = (f"  {json.dumps(name)}: {json.dumps(entries[name], sort_keys=True)}" for name in sorted(entries))
        lines.append(f' "{part}": {{\n' + ",\n".join(rows) + "\n }")
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    (pathlib.Path(__file__).parent / source.name).write_text(text)
