"""What both models are told about their endpoint, and how they are copied, pickled and written down."""

from typing import Any

from llama_index.core.schema import BaseComponent
from pydantic import ValidationError

from azure_inference import (
    BASE_CONFIG,
    ConnectedModel,
    ModelProfile,
    concealed,
    model_profile,
    rename_arguments,
    shared_in_copies,
    to_argument_error,
)


class Connected(ConnectedModel, BaseComponent):
    """A component that asks an endpoint.

    Neither its text form, `to_dict` nor a pickle holds the credential: what is loaded from them takes it from
    AZURE_INFERENCE_CREDENTIAL, if it is not given. Copies share their connections. An argument that is set
    anew counts from the next call on.
    """

    model_config = BASE_CONFIG

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs = concealed(kwargs)
        given = rename_arguments(kwargs, self.other_names)
        if given.get("class_name") == self.class_name():
            del given["class_name"]  # which LlamaIndex writes down beside the fields
        try:
            super().__init__(*args, **given)
        except ValidationError as error:
            raise to_argument_error(type(self), error, given) from None
        _ = self.connection

    def profile_of(self, model: str | None) -> ModelProfile:
        """What is known of the model."""
        return model_profile(self.base_model or model)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Any:
        return super().__deepcopy__(shared_in_copies(self, memo))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        # LlamaIndex makes the object anew of all its fields, so that all of them would count as set.
        self.__pydantic_fields_set__ = state["__pydantic_fields_set__"]
