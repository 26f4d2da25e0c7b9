"""``GET /info``: name, type and provider of a model."""

from azure_inference_emulator.models import Model
from azure_inference_emulator.values import JsonObject


def body_of(model: Model, name: str) -> JsonObject:
    """The body that answers ``/info``."""
    return {"model_name": name, "model_type": model.info_type, "model_provider_name": model.provider}
