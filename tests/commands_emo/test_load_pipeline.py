"""A model that is not there, or a folder without one, is said in two lines by what loads a pipeline."""

import pytest
from transformers import BertModel

from commands_emo import ServeArguments, run_command
from commands_emo.load_pipeline import load_pipeline
from configuration_emo import EmoBertConfig
from tests.tiny import tiny_tokenizer, write_tone
from tests.tiny_models import text_config


def two_lines(error) -> str:
    assert len(str(error.value).splitlines()) == 2
    return str(error.value)


@pytest.mark.parametrize("task", ["emotion-recognition", "automatic-speech-recognition"])
def test_what_is_not_there(task, tmp_path):
    with pytest.raises(ValueError, match="there is no such folder here") as error:
        load_pipeline(task, str(tmp_path / "nothing"))
    assert two_lines(error).startswith(f"{tmp_path / 'nothing'}: ")


def test_a_folder_without_weights(tmp_path):
    EmoBertConfig().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="holds no whole model: Error no file named model.safetensors") as error:
        load_pipeline("emotion-recognition", str(tmp_path))
    assert two_lines(error).startswith(f"{tmp_path} ")


def test_folders_of_other_things(tmp_path):
    write_tone(tmp_path / "sounds" / "a.wav")
    with pytest.raises(ValueError, match="sounds holds no whole model: Unrecognized model") as error:
        load_pipeline("emotion-recognition", str(tmp_path / "sounds"))
    two_lines(error)
    BertModel(text_config()).save_pretrained(tmp_path / "bert")
    tiny_tokenizer().save_pretrained(tmp_path / "bert")
    with pytest.raises(ValueError, match="bert holds no whole model: ") as error:
        load_pipeline("emotion-recognition", str(tmp_path / "bert"))
    two_lines(error)


@pytest.mark.parametrize("flag", ["--model", "--asr"])
def test_predict(flag, tmp_path):
    write_tone(tmp_path / "a.wav")
    named = {"--model": str(tmp_path / "also nothing"), flag: str(tmp_path / "nothing")}
    with pytest.raises(ValueError, match="there is no such folder here") as error:
        run_command("predict", ["--audio", str(tmp_path / "a.wav"), *(part for one in named.items() for part in one)])
    assert two_lines(error).startswith(str(tmp_path / "nothing"))


def test_serve(tmp_path):
    from commands_emo.serving.app import load_service

    with pytest.raises(ValueError, match="there is no such folder here") as error:
        load_service(ServeArguments(model=str(tmp_path / "nothing")))
    two_lines(error)
