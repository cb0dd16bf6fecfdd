"""The schemas that validate, as component schemas of OpenAPI: what is sent and what is answered differ."""

import inspect
from typing import Any, ClassVar

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin, resolver
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema, fields

from todo_service.batch_schemas import OPERATIONS, Operations
from todo_service.fields import CommaSeparated, Timestamp
from todo_service.schemas import Parameters

OPENAPI = "3.1.0"

# What `parse_timestamp` reads, in the dialect that Python and JavaScript share. Of the days
# that do not exist it lets only a 29 February pass.
TIMESTAMP_SENT = (
    "^(?!0000|.{5}(02-3|(0[469]|11)-31))[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    "([Tt ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?"
    "([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?)?$"
)

JSON = dict[str, Any]


class Converter(OpenAPIConverter):
    """Adds to what apispec knows: our own fields, computed defaults, docstrings as descriptions."""

    timestamp: ClassVar[JSON]

    def field2type_and_format(self, field: fields.Field[Any], **kwargs: Any) -> JSON:
        if isinstance(field, Timestamp):
            return self.timestamp
        if isinstance(field, CommaSeparated):
            choice = {"type": "string", "enum": list(field.choices)}
            return {"type": "array", "items": choice, "uniqueItems": field.distinct}
        if isinstance(field, Operations):
            return self.operations(field.most)
        if isinstance(field, fields.Constant):
            return {"type": "string", "const": field.constant}
        return super().field2type_and_format(field, **kwargs)

    def field2default(self, field: fields.Field[Any], **kwargs: Any) -> JSON:
        if isinstance(field, fields.Constant) or field.load_default in (None, ""):  # as good as none
            return {}
        if not callable(field.load_default):
            return super().field2default(field, **kwargs)
        default = field.load_default()
        return {"default": default} if default else {}

    def field2nullable(self, field: fields.Field[Any], ret: JSON) -> JSON:
        """Null is for bodies: a parameter is left out."""
        return {} if isinstance(field.parent, Parameters) else super().field2nullable(field, ret)

    def list2param(self, field: fields.Field[Any], **kwargs: Any) -> JSON:
        if isinstance(field, CommaSeparated):
            return {"style": "form", "explode": False}
        return super().list2param(field, **kwargs)

    def operations(self, most: int) -> JSON:
        """A batch: each of its operations is of the kind that its `op` names."""
        refer: Any = self.resolve_nested_schema
        kinds = {kind: refer(schema) for kind, schema in OPERATIONS.items()}
        by_op = {"propertyName": "op", "mapping": {kind: one["$ref"] for kind, one in kinds.items()}}
        items = {"oneOf": list(kinds.values()), "discriminator": by_op}
        return {"type": "array", "minItems": 1, "maxItems": most, "items": items}

    def schema2jsonschema(self, schema: Schema) -> JSON:
        shape: JSON = super().schema2jsonschema(schema)  # type: ignore[no-untyped-call]  # apispec's
        return {"description": inspect.cleandoc(type(schema).__doc__ or ""), **shape}


class InputConverter(Converter):
    """What a client sends. It may send an answer back, so the server's own members are known too."""

    timestamp: ClassVar = {
        "type": "string",
        "pattern": TIMESTAMP_SENT,
        "description": "RFC 3339; seconds, offset (then it is UTC) or the whole time may be left out.",
    }
    ignored: ClassVar = {"description": "Set by the server; ignored when sent."}

    def schema2jsonschema(self, schema: Schema) -> JSON:
        shape = super().schema2jsonschema(schema)
        for name, member in shape["properties"].items():
            if member.get("readOnly"):
                shape["properties"][name] = self.ignored
        return shape


class OutputConverter(Converter):
    """What the service answers: every member that is not `optional` is there, and new ones may come."""

    timestamp: ClassVar = {"type": "string", "format": "date-time"}

    def schema2jsonschema(self, schema: Schema) -> JSON:
        shape = super().schema2jsonschema(schema)
        shape.pop("additionalProperties", None)
        optional = {name for name, field in schema.fields.items() if field.metadata.get("optional")}
        return {**shape, "required": [name for name in shape["properties"] if name not in optional]}


class InputPlugin(MarshmallowPlugin):
    Converter = InputConverter


class OutputPlugin(MarshmallowPlugin):
    Converter = OutputConverter


def input_name(schema: Any) -> str:
    """`TaskInput`, or `TaskUpdate` where no member is required."""
    return resolver(schema) + ("Update" if schema.partial else "Input")


class Schemas:
    """The component schemas of one direction; each is added when it is first referred to."""

    def __init__(self, plugin: MarshmallowPlugin) -> None:
        self.components: JSON = APISpec("", "", OPENAPI, plugins=[plugin]).components.schemas
        self.converter: Any = plugin.converter

    @classmethod
    def sent(cls) -> "Schemas":
        return cls(InputPlugin(input_name))

    @classmethod
    def answered(cls) -> "Schemas":
        return cls(OutputPlugin())

    def content(self, schema: Schema) -> JSON:
        """A media type object: a reference to the schema, and an example made of its fields' examples."""
        reference = self.converter.resolve_nested_schema(schema)
        return {"schema": reference, "example": self.example(reference)}

    def query(self, schema: Schema) -> list[JSON]:
        """Parameter objects; an empty value counts as absent, so what may be left out may be empty."""
        described = self.converter.schema2parameters(schema, location="query")
        return [{**parameter, "allowEmptyValue": not parameter["required"]} for parameter in described]

    def example(self, shape: JSON) -> Any:
        if "$ref" in shape:
            return self.example(self.components[shape["$ref"].rpartition("/")[2]])
        if "examples" in shape:
            return shape["examples"][0]
        if "const" in shape:
            return shape["const"]
        if "items" in shape:
            return [self.example(one) for one in shape["items"].get("oneOf", [shape["items"]])]
        members = shape.get("properties", {}).items()
        return {name: self.example(member) for name, member in members if has_example(member)}


def has_example(member: JSON) -> bool:
    return not member.keys().isdisjoint({"$ref", "const", "examples", "items", "properties"})
