"""What a pydantic model allows at a location: the keys for a did-you-mean, and whether a value is a secret."""

from __future__ import annotations

import re
import types
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AliasChoices, BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from .docstrings import field_texts

Step = tuple[object, bool]
"""One element of a location, and whether it only names the member of a union."""

_SECRET_NAME = re.compile(
    r"(^|[._-])(password|passwd|passphrase|secrets?|tokens?|authorization|auth|credentials?|cookies?|headers|hmac"
    r"|(api|access|private|secret|hmac|encryption|signing)[._-]?key|key_pem|dsn)([._-]|$)|(key|token|secret|password)$",
    re.IGNORECASE,
)


def known_keys(model: type[BaseModel], steps: Sequence[Step], present: Collection[str]) -> set[str]:
    """Return the keys that may stand in a mapping; empty when that is not known. `steps` ends with a key that may not.

    Where the mapping may be one of several models, it is taken for the one that shares most keys with `present`; those
    that have the key are not meant, since it is not theirs that is wrong.
    """
    every = [set(_fields(found)) for found in _models(_at(model, steps[:-1]))]
    candidates = [keys for keys in every if steps[-1][0] not in keys]
    shared = [sum(1 for key in keys if key in present) for keys in candidates]
    return {key for keys, count in zip(candidates, shared, strict=True) if count == max(shared) for key in keys}


def keys_of(model: type[BaseModel], steps: Sequence[Step]) -> set[str]:
    """Return the keys of the mapping that is wanted there; none when it may be one of several kinds."""
    found = _models(_at(model, steps))
    return set(_fields(found[0])) if len(found) == 1 else set()


def meaning(model: type[BaseModel], steps: Sequence[Step]) -> str:
    """Return what the source says about a field, as `: ...`; nothing where it says nothing, or several things."""
    name = str(steps[-1][0])
    models = [found for found in _models(_at(model, steps[:-1])) if name in found.model_fields]
    texts = {found.model_fields[name].description or field_texts(found).get(name, "") for found in models}
    text = texts.pop() if len(texts) == 1 else ""
    return f": {text[:1].lower()}{text[1:].rstrip('.')}" if text else ""


def is_secret(model: type[BaseModel], steps: Sequence[Step]) -> bool:
    """Return whether the value there must not be quoted: by its type, or by the name of a key above it."""
    names = [step for step, label in steps if isinstance(step, str) and not label]
    if any(_SECRET_NAME.search(name) for name in names if name != "key"):
        return True
    return any(found in (SecretStr, SecretBytes) for found in _members(_at(model, steps)))


def _at(model: type[BaseModel], steps: Sequence[Step]) -> list[Any]:
    """Return the annotations that may hold at the location."""
    found: list[Any] = [model]
    for step, label in steps:
        if label:
            chosen = [member for member in _models(found) if _labelled(member, str(step))]
            found = chosen or found
        else:
            found = [inner for member in _members(found) for inner in _inner(member, step)]
    return found


def _members(annotations: Iterable[Any]) -> Iterator[Any]:
    """Yield the members of unions, one by one, without `Annotated` and named aliases around them."""
    for annotation in annotations:
        origin = get_origin(annotation)
        if origin in (Union, types.UnionType):
            yield from _members(get_args(annotation))
        elif origin is Annotated:
            yield from _members(get_args(annotation)[:1])
        elif hasattr(annotation, "__value__"):
            yield from _members([annotation.__value__])
        elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from _forms(annotation)
        else:
            yield annotation


def _forms(model: type[BaseModel]) -> list[type[BaseModel]]:
    """Return the model, with its subclasses if it is one that chooses among them (it wraps its own validation).

    A model that is written otherwise than it is kept says how: `written_forms()` returns models of what is written.
    """
    written = getattr(model, "written_forms", None)
    if written is not None:
        return list(written())
    wraps = any(found.info.mode == "wrap" for found in model.__pydantic_decorators__.model_validators.values())
    return [model, *(model.__subclasses__() if wraps else ())]


def _models(annotations: Iterable[Any]) -> list[type[BaseModel]]:
    return [found for found in _members(annotations) if isinstance(found, type) and issubclass(found, BaseModel)]


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields by every name under which they may be written."""
    named: dict[str, FieldInfo] = {}
    for name, field in model.model_fields.items():
        alias = field.validation_alias or field.alias
        choices = alias.choices if isinstance(alias, AliasChoices) else [alias] if alias else []
        texts = [choice for choice in choices if isinstance(choice, str)]
        if not texts or model.model_config.get("populate_by_name"):
            texts.append(name)
        named.update(dict.fromkeys(texts, field))
    return named


def _inner(annotation: Any, step: object) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if "root" in annotation.model_fields:
            return [i for m in _members([annotation.model_fields["root"].annotation]) for i in _inner(m, step)]
        field = _fields(annotation).get(str(step))
        return [field.annotation] if field else []
    arguments = [argument for argument in get_args(annotation) if argument is not Ellipsis]
    return arguments[-1:] if arguments else []


def _labelled(model: type[BaseModel], label: str) -> bool:
    """Return whether a union's label means this model: by its name, or by a literal that tells it apart."""
    if label == model.__name__ or f"[{model.__name__}]" in label:
        return True
    for field in model.model_fields.values():
        if get_origin(field.annotation) is Literal and label in get_args(field.annotation):
            return True
    return False
