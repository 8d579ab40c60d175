"""EmoBERT's models; importing this package registers them with Transformers' auto classes."""

from typing import TYPE_CHECKING

from configuration_emo.lazy_names import lazy_names

from .registration import register


if TYPE_CHECKING:
    from configuration_emo import EmoBertConfig, Emotion2VecConfig, VqWav2VecConfig, seal

    from .conversion.fairseq_reference import emobert_logits, vq_wav2vec_codes, vq_wav2vec_features
    from .emotion2vec.modeling_emotion2vec import Emotion2VecForAudioClassification, Emotion2VecModel
    from .encoders.loading import load_encoder
    from .evaluation.cross_corpus import CorpusRun, summarize_corpora, write_cross_corpus
    from .evaluation.cross_validation import ConditionResult, FoldPredictions, read_fold_predictions, summarize_runs
    from .evaluation.cross_validation_report import write_cross_validation
    from .evaluation.ensemble import average_predictions, ensemble_seeds
    from .evaluation.evaluation import (
        ADAPTED,
        CONDITIONS,
        Evaluation,
        evaluate_groups,
        evaluate_logits,
        evaluation_result,
        format_evaluations,
        format_groups,
        write_evaluations,
    )
    from .evaluation.linear_probe import LinearProbe, fit_linear_probe, layer_statistics
    from .evaluation.model_card import ModelDescription, installed_versions, write_model_card
    from .evaluation.predict_by_length import longest_first, predict_by_length
    from .evaluation.predictions_csv import Predictions
    from .evaluation.setting import EvaluationSetting
    from .explanation.explain import Explanation, explain_prediction
    from .explanation.faithfulness import REMOVALS, deletion_faithfulness, explained_direction, explained_values
    from .export.int8 import QUANTIZED_PARTS, quantize_int8
    from .export.onnx_int8 import quantize_onnx_int8
    from .export.onnx_model import EmoBertOnnxModel
    from .export.program import export_program
    from .export.to_onnx import export_onnx
    from .finetuning.attention_dropout import leave_attention_dropout_out
    from .finetuning.class_weights import balanced_class_weights
    from .finetuning.fitted_settings import drop_fitted_settings
    from .finetuning.gradual_unfreezing import GradualUnfreezingCallback
    from .finetuning.linear_head import LinearHead, fit_linear_head
    from .finetuning.lora import add_lora
    from .finetuning.parameter_groups import parameter_groups
    from .finetuning.standardization import fit_speech_standardization
    from .inference.dialogues import with_contexts
    from .inference.embedding_file import rows_of_predictions, write_embeddings
    from .inference.emotion_stream import EmotionStream
    from .inference.frame_diarizer import FrameDiarizer
    from .inference.label_choice import LabelChoice
    from .inference.moonshine_recognizer import MoonshineRecognizer
    from .inference.pipeline import EmotionRecognitionPipeline
    from .inference.predict_to_file import predict_to_file
    from .inference.timeline_formats import to_dataframe, to_rttm, to_vtt
    from .loss import emotion_loss, label_weight, split_loss
    from .metrics.calibration import expected_calibration_error
    from .metrics.compute_metrics import compute_metrics_for, metric_function_for
    from .metrics.diarization import emotion_diarization_error
    from .metrics.group_metrics import GroupMetrics, group_metrics
    from .metrics.intervals import bootstrap_intervals
    from .metrics.metric_path import metric_path
    from .metrics.scores import label_names, scores_to_logits
    from .metrics.selective import area_under_risk_coverage, coverage_points, risk_coverage
    from .metrics.task_metrics import (
        concordance_correlation,
        dimensional_metrics,
        emotion_metrics,
        multi_label_metrics,
        one_vs_rest_metrics,
        pearson_correlation,
        sentiment_metrics,
    )
    from .metrics.temperature import TemperatureFit, fit_temperature
    from .metrics.two_steps import TwoStepMetrics
    from .modeling_emobert import EmoBertForSequenceClassification, EmoBertModel
    from .modeling_outputs import EmoBertModelOutput, EmoBertSequenceClassifierOutput
    from .modeling_vq_wav2vec import VqWav2VecModel
    from .plots.cross_corpus import plot_cross_corpus
    from .plots.evaluation import (
        plot_confusion_matrix,
        plot_learning_curves,
        plot_modality_comparison,
        plot_predicted_against_rated,
        plot_reliability,
    )
    from .plots.explanation import plot_explanation
    from .plots.folds import plot_metric_per_fold
    from .plots.groups import plot_groups
    from .plots.timeline import plot_timeline
    from .pretrained_model import EmoBertPreTrainedModel
    from .resuming.checkpoint import (
        check_labels,
        checkpoint_to_resume,
        last_whole_checkpoint,
        remove_old_checkpoints,
        writing_checkpoint,
    )
    from .resuming.data_order import isolate_workers, set_epoch
    from .resuming.output_lock import lock_output_dir
    from .speaker_adaptation import SHARES, SpeakerStatistics, adapt_to_speakers, fit_speaker_statistics
    from .speech_tokenizer_module import CodesToIds
    from .training.arguments import EmoBertTrainingArguments
    from .training.batch_sampling import ClassBalancedSampler, TokenBudgetBatchSampler, training_sampler
    from .training.batch_weighting import ignore_repeated_rows, weigh_labels
    from .training.optimizer import create_optimizer
    from .training.record import (
        check_evaluated_data,
        read_training_record,
        save_speaker_statistics,
        save_temperature,
        training_run,
        write_training_record,
    )
    from .training.row_views import RowViews
    from .training.sharding import shard_model
    from .training.trainer import EmoBertTrainer
    from .vector_quantizer import nearest_codeword
else:
    __getattr__, __dir__ = lazy_names(__name__)

register()

__all__ = [
    "ADAPTED",
    "CONDITIONS",
    "QUANTIZED_PARTS",
    "REMOVALS",
    "SHARES",
    "ClassBalancedSampler",
    "CodesToIds",
    "ConditionResult",
    "CorpusRun",
    "EmoBertConfig",
    "EmoBertForSequenceClassification",
    "EmoBertModel",
    "EmoBertModelOutput",
    "EmoBertOnnxModel",
    "EmoBertPreTrainedModel",
    "EmoBertSequenceClassifierOutput",
    "EmoBertTrainer",
    "EmoBertTrainingArguments",
    "Emotion2VecConfig",
    "Emotion2VecForAudioClassification",
    "Emotion2VecModel",
    "EmotionRecognitionPipeline",
    "Evaluation",
    "EmotionStream",
    "EvaluationSetting",
    "Explanation",
    "FoldPredictions",
    "FrameDiarizer",
    "GradualUnfreezingCallback",
    "GroupMetrics",
    "LabelChoice",
    "LinearHead",
    "LinearProbe",
    "ModelDescription",
    "MoonshineRecognizer",
    "Predictions",
    "RowViews",
    "SpeakerStatistics",
    "TemperatureFit",
    "TokenBudgetBatchSampler",
    "TwoStepMetrics",
    "VqWav2VecConfig",
    "VqWav2VecModel",
    "adapt_to_speakers",
    "add_lora",
    "average_predictions",
    "area_under_risk_coverage",
    "balanced_class_weights",
    "bootstrap_intervals",
    "check_evaluated_data",
    "check_labels",
    "checkpoint_to_resume",
    "compute_metrics_for",
    "concordance_correlation",
    "coverage_points",
    "create_optimizer",
    "deletion_faithfulness",
    "dimensional_metrics",
    "drop_fitted_settings",
    "emobert_logits",
    "emotion_diarization_error",
    "emotion_loss",
    "emotion_metrics",
    "ensemble_seeds",
    "evaluate_groups",
    "evaluate_logits",
    "evaluation_result",
    "expected_calibration_error",
    "explain_prediction",
    "explained_direction",
    "explained_values",
    "export_onnx",
    "export_program",
    "fit_linear_head",
    "fit_linear_probe",
    "fit_speaker_statistics",
    "fit_speech_standardization",
    "fit_temperature",
    "format_evaluations",
    "format_groups",
    "group_metrics",
    "ignore_repeated_rows",
    "installed_versions",
    "isolate_workers",
    "label_names",
    "leave_attention_dropout_out",
    "label_weight",
    "last_whole_checkpoint",
    "layer_statistics",
    "load_encoder",
    "lock_output_dir",
    "longest_first",
    "metric_function_for",
    "metric_path",
    "multi_label_metrics",
    "nearest_codeword",
    "one_vs_rest_metrics",
    "parameter_groups",
    "pearson_correlation",
    "plot_confusion_matrix",
    "plot_cross_corpus",
    "plot_explanation",
    "plot_groups",
    "plot_learning_curves",
    "plot_metric_per_fold",
    "plot_modality_comparison",
    "plot_predicted_against_rated",
    "plot_reliability",
    "plot_timeline",
    "predict_by_length",
    "predict_to_file",
    "quantize_int8",
    "quantize_onnx_int8",
    "read_fold_predictions",
    "read_training_record",
    "remove_old_checkpoints",
    "risk_coverage",
    "rows_of_predictions",
    "save_speaker_statistics",
    "save_temperature",
    "scores_to_logits",
    "seal",
    "sentiment_metrics",
    "set_epoch",
    "shard_model",
    "split_loss",
    "summarize_corpora",
    "summarize_runs",
    "to_dataframe",
    "to_rttm",
    "to_vtt",
    "training_run",
    "training_sampler",
    "vq_wav2vec_codes",
    "vq_wav2vec_features",
    "weigh_labels",
    "with_contexts",
    "write_cross_corpus",
    "write_cross_validation",
    "write_embeddings",
    "write_evaluations",
    "write_model_card",
    "write_training_record",
    "writing_checkpoint",
]
