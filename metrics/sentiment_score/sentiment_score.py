"""`evaluate` module of the metrics of CMU-MOSI and CMU-MOSEI."""

import datasets
import evaluate

from modeling_emo import sentiment_metrics


class SentimentScore(evaluate.Metric):
    """`evaluate.load("./metrics/sentiment_score")`; see `modeling_emo.sentiment_metrics`."""

    def _info(self):
        return evaluate.MetricInfo(
            description="MAE, Pearson correlation, Acc-7, Acc-5, and Acc-2 and weighted F1 with and without neutral.",
            citation="Zadeh et al. 2016, arXiv 1606.06259",
            inputs_description=(
                "predictions, references: one sentiment score per utterance. score_range: lowest and highest score of "
                "the corpus, (-3, 3) by default."
            ),
            features=datasets.Features(
                {"predictions": datasets.Value("float64"), "references": datasets.Value("float64")}
            ),
        )

    def _compute(self, predictions, references, score_range=(-3.0, 3.0)):
        return sentiment_metrics(predictions, references, score_range=score_range)
