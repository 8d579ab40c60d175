"""`evaluate` module of the metrics of multi-label emotion recognition."""

import datasets
import evaluate

from modeling_emo import multi_label_metrics


class MultiLabelEmotions(evaluate.Metric):
    """`evaluate.load("./metrics/multi_label_emotions")`; see `modeling_emo.multi_label_metrics`."""

    def _info(self):
        return evaluate.MetricInfo(
            description="Accuracy and weighted F1 of each label, their means, and micro and macro F1.",
            citation="",
            inputs_description=(
                "predictions: one probability per label and utterance. references: rows of 0 and 1. label_names: the "
                "labels, in that order. threshold: the probability above which a label is predicted, 0.5 by default."
            ),
            features=datasets.Features(
                {
                    "predictions": datasets.Sequence(datasets.Value("float64")),
                    "references": datasets.Sequence(datasets.Value("int64")),
                }
            ),
        )

    def _compute(self, predictions, references, label_names, threshold=0.5):
        return multi_label_metrics(predictions, references, label_names, threshold=threshold)
