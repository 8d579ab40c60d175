"""`evaluate` module of the metrics of categorical emotion recognition."""

import datasets
import evaluate

from modeling_emo import emotion_metrics


class EmotionAccuracy(evaluate.Metric):
    """`evaluate.load("./metrics/emotion_accuracy")`; see `modeling_emo.emotion_metrics`."""

    def _info(self):
        return evaluate.MetricInfo(
            description="Weighted and unweighted accuracy, weighted and macro F1; recall, precision, F1 by class.",
            citation="",
            inputs_description=(
                "predictions, references: one class index per utterance. label_names: the classes, in that order."
            ),
            features=datasets.Features(
                {"predictions": datasets.Value("int64"), "references": datasets.Value("int64")}
            ),
        )

    def _compute(self, predictions, references, label_names):
        return emotion_metrics(predictions, references, label_names)
