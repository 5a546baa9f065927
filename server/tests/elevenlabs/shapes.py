"""Holds JSON against the models of the official package, more strictly than the package itself does.

Its models allow keys they do not know, and type every enum `Union[Literal[...], Any]`, so `model_validate` finds
neither a misspelt key nor a wrong enum value. This walks the validated model beside its annotations and finds both.
"""

import typing

import pydantic


def findings(model: type[pydantic.BaseModel], value: object, known_extra: frozenset[str] = frozenset()) -> list[str]:
    """What is wrong with `value` as a `model`; empty when nothing is. `known_extra` are paths that are right although
    the model lacks them."""
    try:
        validated = model.model_validate(value)
    except pydantic.ValidationError as error:
        return [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
    found: list[str] = []
    _walk(validated, model, "", found)
    return [f for f in found if f.split(": ")[0] not in known_extra]


def _walk(value: object, annotation: object, path: str, found: list[str]) -> None:
    join = lambda key: f"{path}.{key}" if path else str(key)
    if isinstance(value, pydantic.BaseModel):
        found.extend(f"{join(key)}: unknown key" for key in value.model_extra or {})
        for name, field in type(value).model_fields.items():
            inner = getattr(value, name)
            if inner is not None:
                _walk(inner, field.annotation, join(field.alias or name), found)
    elif isinstance(value, (list, tuple)):
        for item_type in _arguments_of(annotation, list, position=0):
            for index, item in enumerate(value):
                _walk(item, item_type, join(index), found)
    elif isinstance(value, dict):
        for item_type in _arguments_of(annotation, dict, position=1):
            for key, item in value.items():
                _walk(item, item_type, join(key), found)
    elif isinstance(value, str):
        options = list(_options(annotation))
        literals = [v for o in options if typing.get_origin(o) is typing.Literal for v in typing.get_args(o)]
        if literals and value not in literals and str not in options:
            found.append(f"{path}: {value!r} is none of {literals[:8]}")


def _options(annotation: object) -> typing.Iterator[object]:
    """What an annotation may be, with `Annotated` and `Union` taken apart."""
    while typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) is typing.Union:
        for argument in typing.get_args(annotation):
            yield from _options(argument)
    else:
        yield annotation


def _arguments_of(annotation: object, origin: type, position: int) -> list[object]:
    return [typing.get_args(o)[position] for o in _options(annotation) if typing.get_origin(o) is origin]
