"""`evaluate` module of the metrics of dimensional emotion recognition."""

import datasets
import evaluate

from modeling_emo import dimensional_metrics


class ConcordanceCorrelation(evaluate.Metric):
    """`evaluate.load("./metrics/concordance_correlation")`; see `modeling_emo.dimensional_metrics`."""

    def _info(self):
        score, scores = datasets.Value("float64"), datasets.Sequence(datasets.Value("float64"))
        return evaluate.MetricInfo(
            description="Concordance correlation, Pearson correlation and MAE per dimension, and their means.",
            citation="Lin 1989, Biometrics 45",
            inputs_description=(
                "predictions, references: one score per dimension and utterance, or one score per utterance. "
                "label_names: the dimensions, in that order."
            ),
            features=[
                datasets.Features({"predictions": scores, "references": scores}),
                datasets.Features({"predictions": score, "references": score}),
            ],
        )

    def _compute(self, predictions, references, label_names=("score",)):
        return dimensional_metrics(predictions, references, label_names)
