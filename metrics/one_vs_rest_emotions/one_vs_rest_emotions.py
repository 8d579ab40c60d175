"""`evaluate` module of the one-vs-rest metrics of arXiv 2008.06682 on IEMOCAP."""

import datasets
import evaluate
import numpy as np

from modeling_emo import one_vs_rest_metrics


class OneVsRestEmotions(evaluate.Metric):
    """`evaluate.load("./metrics/one_vs_rest_emotions")`; see `modeling_emo.one_vs_rest_metrics`."""

    def _info(self):
        logits = datasets.Sequence(datasets.Sequence(datasets.Value("float64")))
        rows = datasets.Sequence(datasets.Value("int64"))
        return evaluate.MetricInfo(
            description="Accuracy and weighted F1 of each emotion, present against absent, and their means.",
            citation="Siriwardhana et al. 2020, arXiv 2008.06682",
            inputs_description=(
                "predictions: logits, emotions x 2 per utterance. references: class indices, or rows of 0 and 1. "
                "label_names: the emotions, in that order."
            ),
            features=[
                datasets.Features({"predictions": logits, "references": datasets.Value("int64")}),
                datasets.Features({"predictions": logits, "references": rows}),
            ],
        )

    def _compute(self, predictions, references, label_names):
        return one_vs_rest_metrics(np.reshape(predictions, (-1, len(label_names), 2)), references, label_names)
