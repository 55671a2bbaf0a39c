"""The tasks that ``API_TASKS`` names."""

import importlib

from api.settings import Settings
from api.tasks.base import Task
from api.tasks.json_task import JsonTask


def load_tasks(settings: Settings) -> list[Task]:
    """Return an instance of each task that the settings name.

    Raises:
        SystemExit: A task can't be loaded, or two of them share a name or a path; the message names it.
    """
    tasks = [_load(reference, settings) for reference in settings.tasks]
    for attribute in ("name", "path"):
        values = [getattr(task, attribute) for task in tasks]
        if doubled := {value for value in values if values.count(value) > 1}:
            raise SystemExit(f"API_TASKS: two tasks have the {attribute} {', '.join(sorted(doubled))}; leave one out")
    return tasks


def _load(reference: str, settings: Settings) -> Task:
    module_name, _, class_name = reference.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as exc:
        raise SystemExit(f"API_TASKS: {reference} can't be imported: {exc}") from exc
    if not hasattr(module, class_name):
        raise SystemExit(f"API_TASKS: module {module_name} has no {class_name}")
    kind = getattr(module, class_name)
    if not (isinstance(kind, type) and issubclass(kind, Task)):
        raise SystemExit(f"API_TASKS: {reference} is no class derived from api.tasks.base.Task")
    try:
        task = kind(settings)
    except TypeError as exc:  # an abstract method is missing
        raise SystemExit(f"API_TASKS: {reference}: {exc}") from exc
    needed = ("name", "path", "model", "Answer", *(("Input",) if isinstance(task, JsonTask) else ()))
    if missing := [name for name in needed if not hasattr(task, name)]:
        raise SystemExit(f"API_TASKS: {reference} lacks {', '.join(missing)}")
    if not task.path.startswith("/") or task.path.endswith("/"):
        raise SystemExit(f"API_TASKS: {reference} has the path {task.path!r}; it must begin with / and not end with it")
    return task
