"""What apispec has to be told of our marshmallow schemas and fields, to describe them as we mean them."""

import inspect
from typing import Any

from apispec import APISpec, BasePlugin
from apispec.ext.marshmallow import MarshmallowPlugin, resolver
from marshmallow import Schema, fields

from todo_service.api.fields import TIMESTAMP, CommaSeparated, Due, Timestamp, Union
from todo_service.api.schemas import Input
from todo_service.tasks.tags import Tags

Object = dict[str, Any]  # of JSON

TIMESTAMP_RULES = "RFC 3339; seconds, offset (then it is UTC) or the whole time may be left out."
DUE = [{"type": "string", "format": kind} for kind in ("date", "date-time")]
LENIENT = {"type": "string", "description": "A moment without seconds or offset, as browsers send it."}
NULL = {"type": "null"}
IGNORED = {"description": "Set by the server; ignored when sent."}


def timestamp2properties(_converter: Any, field: fields.Field[Any], ret: Object) -> Object:
    """A time zone, and more, may be left out of what is sent; never of what is answered (contract §1)."""
    if not isinstance(field, Timestamp):
        return {}
    rules: Object = {}
    if isinstance(field.parent, Input):
        rules = {"pattern": TIMESTAMP.pattern, "description": ret.get("description", TIMESTAMP_RULES)}
    if isinstance(field, Due):
        return {**rules, "anyOf": [*DUE, LENIENT, NULL] if rules else [*DUE, NULL]}
    return rules or {"format": "date-time"}


def comma_separated2properties(_converter: Any, field: fields.Field[Any], **_: Any) -> Object:
    if not isinstance(field, CommaSeparated):
        return {}
    items = {"items": {"type": "string", "enum": list(field.choices)}} if field.choices else {}
    return {**items, "uniqueItems": field.distinct}


def union2properties(converter: Any, field: fields.Field[Any], **_: Any) -> Object:
    """A union is a component, so that generated clients have a name for it."""
    if not isinstance(field, Union):
        return {}
    kinds = {name: converter.resolve_nested_schema(schema) for name, schema in field.kinds.items()}
    mapping = {name: kind["$ref"] for name, kind in kinds.items()}
    described = {
        "oneOf": list(kinds.values()),
        "discriminator": {"propertyName": field.by, "mapping": mapping},
    }
    converter.spec.components.schema(field.title, described)
    return {"$ref": f"#/components/schemas/{field.title}"}


def query2parameter(_converter: Any, field: fields.Field[Any], ret: Object) -> Object:
    """An empty value counts as absent, so what may be left out may be empty (contract §1)."""
    lists = {"style": "form", "explode": True} if isinstance(field, CommaSeparated) else {}
    return {"allowEmptyValue": not ret["required"], **lists}


def component_name(schema: Any) -> str:
    """The class's name; `TaskUpdate` for a `TaskInput` of which no member is required."""
    name = resolver(schema)
    return name.replace("Input", "Update") if schema.partial else name


class DirectionPlugin(BasePlugin):
    """Describes schemas by their docstrings, and what differs between input and output: a client may send an
    answer back, so input knows the server's own members; of output every member is there that is not
    `optional`."""

    def schema_helper(self, name: str, definition: Object, schema: Any = None, **_: Any) -> Object | None:
        if schema is None:  # a union
            return None
        described = {"description": inspect.cleandoc(type(schema).__doc__ or "")}
        members = definition["properties"]
        if isinstance(schema, Input):
            sent = {key: members[key] if key in schema.load_fields else IGNORED for key in members}
            return {**described, "properties": sent, **schema.constraints}
        optional = {key for key, field in schema.fields.items() if field.metadata.get("optional")}
        return {**described, "required": [key for key in members if key not in optional]}


def new_spec(**options: Any) -> APISpec:
    """A specification without paths, which knows our schemas and fields."""
    plugin: Any = MarshmallowPlugin(schema_name_resolver=component_name)  # its methods have no types
    spec = APISpec(openapi_version="3.1.0", plugins=[plugin, DirectionPlugin()], **options)
    plugin.map_to_openapi_type(Timestamp, fields.String)
    plugin.map_to_openapi_type(Due, fields.Raw)
    plugin.map_to_openapi_type(CommaSeparated, fields.List)
    plugin.map_to_openapi_type(Tags, fields.List)
    for function in (timestamp2properties, comma_separated2properties, union2properties):
        plugin.converter.add_attribute_function(function)
    plugin.converter.add_parameter_attribute_function(query2parameter)
    return spec


def example(schema: Schema) -> Any:
    """An example made of the fields' examples."""
    known = schema.load_fields if isinstance(schema, Input) else schema.dump_fields
    members = {name: found[0] for name, field in known.items() if (found := examples(field))}
    return [members] if schema.many else members


def examples(field: fields.Field[Any]) -> list[Any]:
    """What a field's metadata give as examples; nothing, where they give none."""
    match field:
        case fields.Nested():
            return [example(field.schema)]
        case fields.List():
            return [examples(field.inner)]
        case Union():
            return [example(schema) for schema in field.kinds.values()]
    return list(field.metadata.get("examples", []))
