"""What a Hugging Face Space or a container starts: `emobert serve`."""

from commands_emo import run_script


if __name__ == "__main__":
    run_script("serve")
