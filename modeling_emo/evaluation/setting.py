"""What an evaluation is an evaluation of, as every file that tells of it says it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class EvaluationSetting:
    """What was evaluated on what: numbers of two settings cannot be compared.

    Args:
        corpus (`str`): name of the corpus.
        protocol (`str`): how training, validation and test data were told apart.
        checkpoint_selection (`str`): how the evaluated checkpoint was chosen, for example
            `"highest eval_corr on validation"`.
        split (`str`, defaults to `"test"`): the split the metrics are over.
        fold (`str` or `int`, *optional*): the fold of a cross-validation.
        seed (`int`, *optional*): of the training run; None where it is not known, or where there are several.

    Raises:
        ValueError: a description is empty.

    Example:
        >>> EvaluationSetting(corpus="meld", protocol="official split", checkpoint_selection="the last step").split
        'test'
    """

    corpus: str
    protocol: str
    checkpoint_selection: str
    split: str = "test"
    fold: str | int | None = None
    seed: int | None = None

    def __post_init__(self):
        for name in ("corpus", "protocol", "split", "checkpoint_selection"):
            text = getattr(self, name)
            if not text or not text.strip():
                raise ValueError(f"An evaluation without {name!r} cannot be compared with any other: say what it was.")

    @property
    def protocol_and_fold(self) -> str:
        """The protocol, with the fold where there is one."""
        return self.protocol if self.fold is None else f"{self.protocol}, {self.fold}"
