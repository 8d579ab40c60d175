"""Names that Transformers' example `run_audio_classification.py` gives its flags, where they are not taken here.

Those that are taken are fields of the arguments themselves, or further names of theirs.
"""

from __future__ import annotations


_PREPARE = (
    "belongs to `emobert prepare`.\nGive it there; `emobert {command}` then reads what was prepared: --data_dir."
)
_TRAIN = "belongs to `emobert train`.\nGive it there, after this command."
_TOKEN = "is not taken from the command line, where others can read it.\nSet HF_TOKEN, or run `hf auth login` once."
_REVISION = (
    "has no effect here.\n"
    "Fetch it with `hf download NAME --revision REVISION --local-dir FOLDER`, and give that folder."
)
_OF_PREPARE = (
    *("dataset_name", "dataset_config_name", "train_split_name", "eval_split_name"),
    *("audio_column_name", "label_column_name", "max_length_seconds"),
)
_OF_TRAIN = ("max_train_samples", "max_eval_samples", "freeze_feature_encoder", "attn_implementation")
_OTHER_COMMANDS = {
    "do_train": "has no effect here.\nRun `emobert train`.",
    "do_eval": "has no effect here.\nRun `emobert evaluate --split validation`.",
    "do_predict": "has no effect here.\nRun `emobert evaluate --split test` after training.",
}
_EVERYWHERE = {
    "token": _TOKEN,
    "use_auth_token": _TOKEN,
    "cache_dir": "has no effect here.\nSet the variable HF_HOME to the folder of all caches.",
    "trust_remote_code": "has no effect here: encoders are Transformers' own, and no code of others is run.\n"
    "Leave it out.",
    "revision": _REVISION,
    "model_revision": _REVISION,
    "config_name": "has no effect here: an encoder's configuration lies beside its weights.\nLeave it out.",
    "feature_extractor_name": "has no effect here: it lies beside the speech encoder's weights.\nLeave it out.",
    "ignore_mismatched_sizes": "has no effect here: encoders are loaded without their heads.\nLeave it out.",
}


def refused_flags(command: str) -> dict[str, str]:
    """Flags that a command does not take although a script of Transformers has them.

    Args:
        command (`str`): a key of the table of commands.

    Returns:
        `dict[str, str]`: by name, what is wrong with it and what to type.
    """
    refused = dict(_EVERYWHERE)
    if command == "prepare":
        refused |= dict.fromkeys(_OF_TRAIN, _TRAIN)
        refused["revision"] = 'has no effect here.\nOf a dataset: --corpus_options \'{"revision": "NAME"}\'.'
    else:
        refused |= dict.fromkeys(_OF_PREPARE, _PREPARE.format(command=command))
    if command != "train":
        refused |= _OTHER_COMMANDS
    return refused
