#!/usr/bin/env python3
"""Validates JSON files against a JSON Schema (2020-12) with python-jsonschema.

usage: json_schema.py SCHEMA FILE...

Prints one JSON object: for every file the list of what is wrong with it, empty for a valid one. Exits 1 if the schema
itself is none.
"""
import json
import sys

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError


def main(schema_path: str, *files: str) -> int:
    with open(schema_path, encoding="utf-8") as file:
        schema = json.load(file)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        print(f"{schema_path} is no JSON Schema: {error.message}", file=sys.stderr)
        return 1
    validator = Draft202012Validator(schema)
    found = {}
    for path in files:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        found[path] = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
