"""A task's bodies as clients see them: what it takes as JSON, and what it answers."""

from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, FailFast, Field, create_model

from api.tasks.base import Task
from api.tasks.json_task import JsonTask, inline

_INCLUDE = "`input` adds what the model was given, `steps` how it was prepared; both where both are given."
# The version in the examples.
_VERSION = "1"


class Schemas(NamedTuple):
    """The bodies of a task's two routes."""

    request: type[BaseModel]
    batch_request: type[BaseModel]
    answer: type[BaseModel]
    batch_answer: type[BaseModel]


class ShownStep(BaseModel):
    """A step of preparing an input."""

    name: str = Field(description="What the image shows.")
    image: str = Field(description="The image as a `data:` URL.")


_SHOWN: dict[str, Any] = {
    "input": (str | None, Field(None, description="What the model was given; only there with `?include=input`.")),
    "steps": (
        list[ShownStep] | None,
        Field(None, description="How the input was prepared, in order; only there with `?include=steps`."),
    ),
}


def offered_of(task: Task) -> list[str]:
    """Return what ``?include=`` can ask a task for."""
    kind = type(task)
    shows = {"input": kind.show_input is not Task.show_input, "steps": kind.show_steps is not Task.show_steps}
    return [name for name, is_shown in shows.items() if is_shown]


def schemas_of(task: Task) -> Schemas:
    """Return the schemas that follow from a task's noun and answer."""
    name, noun = task.name.title().replace("_", ""), task.noun
    item: Any = task.Input if isinstance(task, JsonTask) else Annotated[str, Field(min_length=1)]
    # Without FailFast, 8 MB of wrong items become 4 GB of errors.
    items = Annotated[
        list[item], FailFast(), Field(min_length=1, description="The same for each, in the order of the answers.")
    ]
    one = Annotated[item, Field(description=task.noun_description)]
    answered = create_model(
        task.Answer.__name__,
        __base__=task.Answer,
        model_version=(str, Field(description="Version of the model that answered.")),
    )
    shown: dict[str, Any] = {each: _SHOWN[each] for each in offered_of(task)}
    single = create_model(f"Single{answered.__name__}", __base__=answered, **shown) if shown else answered
    return Schemas(
        task.Input if isinstance(task, JsonTask) else _request(f"{name}Request", noun, one),
        _request(f"{name}BatchRequest", f"{noun}s", items),
        single,
        create_model(f"Batch{answered.__name__}", predictions=(list[answered], ...)),
    )


def _request(name: str, field: str, kind: Any) -> type[BaseModel]:  # noqa: ANN401 - an annotation
    fields: dict[str, Any] = {field: (kind, ...)}
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)


def describe_request(task: Task, schema: type[BaseModel], *, several: bool) -> dict[str, Any]:
    """Return OpenAPI's description of a request body, and of the query where more than the answer is offered."""
    file = {"type": "string", "format": "binary"}
    field = {f"{task.noun}s": {"type": "array", "items": file}} if several else {task.noun: file}
    content: dict[str, Any] = {"application/json": {"schema": inline(schema.model_json_schema())}}
    is_json = isinstance(task, JsonTask)
    if not is_json:
        form = {"type": "object", "properties": field, "required": list(field)}
        content["multipart/form-data"] = {"schema": form}
    if shown := task.examples[:2]:
        one = shown[0].data if is_json else {task.noun: shown[0].data}
        example = {f"{task.noun}s": [each.data for each in shown]} if several else one
        content["application/json"]["example"] = example
    described: dict[str, Any] = {"requestBody": {"required": True, "content": content}}
    if not several:
        content.update({media_type: {"schema": file} for media_type in task.accepts})
        if offered := offered_of(task):
            kinds = {"type": "array", "items": {"type": "string", "enum": offered}}
            described["parameters"] = [{"name": "include", "in": "query", "schema": kinds, "description": _INCLUDE}]
    return described


def describe_answer(task: Task, schema: type[BaseModel], *, several: bool) -> dict[str, Any]:
    """Return OpenAPI's description of an answer."""
    described: dict[str, Any] = {"model": schema}
    if shown := task.examples[:2]:
        answers = [{**each.answer, "model_version": _VERSION} for each in shown]
        example = {"predictions": answers} if several else answers[0]
        described["content"] = {"application/json": {"example": example}}
    return described
