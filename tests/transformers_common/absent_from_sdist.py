"""What the common suites import from modules that the source distribution does not carry."""


class ExportTesterMixin:
    """Base of the model suite; its own tests (`torch.export` and ONNX) are not distributed."""


class GenerationTesterMixin:
    """Tests of `generate`. The model suite only asks whether models that cannot generate leave it out."""


# General fields of every configuration, each away from its default.
config_common_kwargs = {
    "return_dict": False,
    "output_hidden_states": True,
    "output_attentions": True,
    "dtype": "float16",
    "chunk_size_feed_forward": 5,
    "is_encoder_decoder": True,
    "architectures": ["SomeModel"],
    "id2label": {0: "calm", 1: "glad"},
    "label2id": {"calm": 0, "glad": 1},
    "problem_type": "regression",
}


def url_to_local_path(url: str) -> str:
    """In Transformers' own runs the local copy of a file of the Hub, if there is one. No test of ours reads them."""
    return url
