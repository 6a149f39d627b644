"""The JSON Schema of a scenario file, for editors: completion, and what the shape alone can tell.

It says nothing of names, places and lengths; ``load_file`` does.
"""

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from simulator.apis import MODEL_DEFAULT, MODEL_IDS
from simulator.scenario.qmp import COMMAND_NAMES

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_EXAMPLE = {
    "scenario": "a full backup and an incremental one",
    "disk": 8,
    "timeline": [
        {"at": "T1", "do": [{"create": "S1"}, {"backup": {"to": "full.bak", "checkpoint": "C1"}}]},
        {"write": "AAAA----"},
        {"at": "T2", "do": [{"backup": {"since": "C1", "to": "inc.bak"}}]},
    ],
}


class _Untitled(GenerateJsonSchema):
    """Leaves out the titles of keys, which repeat the key."""

    def field_title_should_be_set(self, schema: core_schema.CoreSchema | Any) -> bool:
        """Never."""
        return False


def scenario_schema() -> dict[str, Any]:
    """Return the JSON Schema of a scenario file, draft 2020-12.

    What may be left empty, such as ``shutdown:``, has no type rather than a null branch, so that
    an editor does not offer null everywhere else.
    """
    from simulator.scenario.timed import Scenario

    schema = TypeAdapter(Scenario).json_schema(schema_generator=_Untitled)
    parts = schema["$defs"]
    schema.pop("title", None)
    schema["properties"]["model"].update(
        {"enum": list(MODEL_IDS), "default": MODEL_DEFAULT, "type": "string"}
    )
    parts["Command"]["properties"]["execute"]["examples"] = list(COMMAND_NAMES)
    return {
        "$schema": DIALECT,
        "title": "A scenario of backup-timeline",
        **schema,
        "not": {"required": ["disk", "disks"]},
        "examples": [_EXAMPLE],
    }
