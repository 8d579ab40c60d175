"""`emobert score`: predictions of any system against labels."""

import csv
import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, recall_score

from commands_emo import run_command
from modeling_emo import concordance_correlation
from preprocess import CORPORA, read_scored_tables, scored_task, scored_task_names


def write(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def score(tmp_path, predictions, labels, task, *flags):
    given = ["--predictions", write(tmp_path / "p.csv", predictions), "--labels", write(tmp_path / "l.csv", labels)]
    run_command(
        "score",
        [*map(str, given), "--task", task, "--output_dir", str(tmp_path / "out"), "--num_resamples", "20", *flags],
    )
    return json.loads((tmp_path / "out" / "metrics.json").read_text())


CODES = ["ang", "sad", "exc", "neu", "hap", "fru", "neu", "ang"]
RIGHT = ["angry", "sad", "happy", "neutral", "happy", None, "neutral", "angry"]
GUESSES = ["ang", "neu", "hap", "neu", "exc", "ang", "sad", "ang"]
GUESSED = ["angry", "neutral", "happy", "neutral", "happy", None, "sad", "angry"]


def test_classes_by_the_corpus_s_own_codes(tmp_path, capsys):
    labels = [{"id": f"u{index}", "label": code} for index, code in enumerate(CODES)]
    guesses = [{"id": f"u{index}", "prediction": code} for index, code in enumerate(GUESSES)]
    record = score(tmp_path, list(reversed(guesses)), labels, "iemocap-4-class")
    pairs = [(right, said) for right, said in zip(RIGHT, GUESSED, strict=True) if right is not None]
    metrics = record["metrics"]["predictions"]
    assert metrics["wa"] == pytest.approx(accuracy_score(*zip(*pairs, strict=True)))
    assert metrics["ua"] == pytest.approx(recall_score(*zip(*pairs, strict=True), average="macro"))
    assert (record["n"], record["training"]["not_of_the_task"], record["corpus"]) == (7, 1, "iemocap")
    assert record["label_order"] == ["neutral", "sad", "angry", "happy"]
    low, high = record["intervals"]["predictions"]["wa"]
    assert low < metrics["wa"] < high
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert "confusion_matrix.png" in written and "predictions.csv" in written
    assert "reliability.png" not in written  # nothing says how sure the system was
    assert "7 scored, 1 not of the task" in capsys.readouterr().out


def test_probabilities_of_merged_codes_are_added(tmp_path):
    labels = [{"file": "a/one.wav", "label": "happy"}, {"file": "a/two.wav", "label": "ang"}]
    guesses = [
        {"audio": "one.wav", "prob_ang": 0.4, "prob_hap": 0.3, "prob_exc": 0.3, "prob_neu": 0, "prob_sad": 0},
        {"audio": "b/two.mp3", "prob_ang": 0.2, "prob_hap": 0.1, "prob_exc": 0, "prob_neu": 0.7, "prob_sad": 0},
    ]
    record = score(tmp_path, guesses, labels, "iemocap_4-class".replace("_", "-"))
    assert record["metrics"]["predictions"]["wa"] == 0.5
    assert (tmp_path / "out" / "reliability.png").stat().st_size > 10_000
    rows = list(csv.DictReader((tmp_path / "out" / "predictions.csv").open()))
    assert [row["prediction"] for row in rows] == ["happy", "neutral"]
    assert float(rows[0]["score_happy"]) == pytest.approx(0.6)


def test_dimensions(tmp_path):
    generator = np.random.default_rng(0)
    true = generator.uniform(1, 5, (30, 3))
    said = true + generator.normal(0, 0.5, (30, 3))
    labels = [
        {"id": index, "dominance": row[2], "valence": row[0], "arousal": row[1]} for index, row in enumerate(true)
    ]
    guesses = [
        {"id": index, "score_v": row[0], "score_a": row[1], "score_d": row[2]} for index, row in enumerate(said)
    ]
    metrics = score(tmp_path, guesses, labels, "iemocap-vad")["metrics"]["predictions"]
    expected = [concordance_correlation(said[:, index], true[:, index]) for index in range(3)]
    assert metrics["mean_ccc"] == pytest.approx(np.mean(expected), abs=1e-6)
    assert metrics["ccc_activation"] == pytest.approx(expected[1], abs=1e-6)
    listed = [{"id": index, "prediction": "|".join(map(str, row))} for index, row in enumerate(said)]
    assert score(tmp_path, listed, labels, "iemocap_dimensional")["metrics"]["predictions"] == metrics


def test_sentiment_and_several_emotions(tmp_path):
    labels = [{"id": index, "label": value} for index, value in enumerate((-2.0, 1.0, 2.5, 0.0))]
    guesses = [{"id": index, "score": value} for index, value in enumerate((-1.0, 1.5, 2.0, 3.5))]
    metrics = score(tmp_path, guesses, labels, "mosi-score")["metrics"]["predictions"]
    assert metrics["mae"] == pytest.approx(np.mean([1.0, 0.5, 0.5, 3.5]))
    assert metrics["acc_2_non0"] == 1.0
    several = [{"id": 0, "label": "happy|fear"}, {"id": 1, "label": ""}, {"id": 2, "label": "sad"}]
    said = [{"id": 0, "prediction": "happy"}, {"id": 1, "prediction": ""}, {"id": 2, "prediction": "sad|fear"}]
    metrics = score(tmp_path, said, several, "mosei-emotions")["metrics"]["predictions"]
    assert metrics["accuracy_happy"] == 1.0 and metrics["accuracy_fear"] == pytest.approx(1 / 3)


def test_labels_of_one_s_own(tmp_path):
    labels = [{"id": index, "label": label} for index, label in enumerate(("calm", "tense", "calm", "tense"))]
    guesses = [{"id": index, "calm": value, "tense": 1 - value} for index, value in enumerate((0.9, 0.6, 0.8, 0.1))]
    record = score(tmp_path, guesses, labels, "emotion")
    assert record["metrics"]["predictions"]["wa"] == 0.75 and record["label_order"] == ["calm", "tense"]


@pytest.mark.parametrize("name", scored_task_names())
def test_every_task_of_the_table_reads_its_labels(tmp_path, name):
    task = scored_task(name)
    names = list(task.names or ("one", "two"))
    if task.problem_type == "regression":
        count = 3 if task.metrics and "dimensional" in task.metrics else 1
        labels = [{"id": index, "label": "|".join(["1.5"] * count)} for index in range(4)]
    else:
        codes = list(getattr(task.label_map, "mapping", None) or names)
        labels = [{"id": index, "label": code} for index, code in enumerate([*codes, *names])]
    guesses = [{"id": row["id"], "prediction": row["label"]} for row in labels]
    tables = read_scored_tables(write(tmp_path / "p.csv", guesses), write(tmp_path / "l.csv", labels), task)
    assert len(tables.ids) == len(labels) and tables.left_out == 0
    if tables.encoder.problem.is_exclusive:
        assert (tables.scores.argmax(1) == tables.labels).all()
        assert task.names is None or tables.encoder.names == names
    else:
        assert np.allclose(tables.scores.ravel(), np.asarray(tables.labels, float).ravel())


def test_the_table_of_corpora_has_no_other_label_sets():
    names = scored_task_names()
    assert all(f"{corpus.name}-{one}" in names for corpus in CORPORA.values() for one in corpus.label_sets)
    assert all(metrics in names for corpus in CORPORA.values() for metrics in corpus.metrics)
    with pytest.raises(ValueError, match="There is no task 'iemocap-9-class'"):
        scored_task("iemocap-9-class")


GOOD = [{"id": "a", "label": "sad"}, {"id": "b", "label": "angry"}]


@pytest.mark.parametrize(
    ("guesses", "message"),
    [
        ([{"id": "a", "prediction": "sad"}], "1 utterances of .*l.csv are not in .*p.csv, such as 'b'"),
        ([{"id": one, "prediction": "sad"} for one in "abc"], "1 utterances of .*p.csv are not in .*l.csv, .*'c'"),
        ([{"id": one, "prediction": "sad"} for one in "aab"], "line 3: the id 'a' is there twice"),
        ([{"id": one, "prediction": "glad"} for one in "ab"], "'a': unknown prediction 'glad'; the labels are"),
        ([{"id": one, "sad": 2.0, "angry": -1.0} for one in "ab"], "the sum 1 are no probabilities.* of 1 others"),
        ([{"id": one, "sad": 0.9} for one in "ab"], "scores of some labels only; missing: angry"),
        ([{"id": one, "prediction": "sad", "sad": 0.2, "angry": 0.8} for one in "ab"], "is 'sad', and the highest"),
        ([{"id": one, "guess": "sad"} for one in "ab"], "has the columns id, guess: give `prediction`, or a score"),
        ([{"name": one, "prediction": "sad"} for one in "ab"], "one of id, utterance, audio, file, path is needed"),
    ],
)
def test_what_is_refused(tmp_path, guesses, message):
    with pytest.raises(ValueError, match=message):
        score(tmp_path, guesses, GOOD, "emotion")


def test_missing_ones_are_told_where_that_is_allowed(tmp_path, capsys):
    guesses = [{"id": "a", "prediction": "sad"}, {"id": "c", "prediction": "angry"}]
    record = score(tmp_path, guesses, [*GOOD, {"id": "d", "label": "sad"}], "emotion", "--allow_missing")
    assert record["n"] == 1
    assert (record["training"]["without_prediction"], record["training"]["without_label"]) == (2, 1)
    assert "2 without prediction, 1 without label" in capsys.readouterr().out


def test_groups_by_columns_of_the_labels(tmp_path, capsys):
    generator = np.random.default_rng(0)
    rows = [
        {"id": index, "label": ("angry", "sad")[index % 2], "speaker": f"s{index // 10}", "duration": index % 7 + 1}
        for index in range(80)
    ]
    for row in rows:
        row["gender"] = "female" if row["speaker"] in ("s0", "s1", "s2", "s3") else "male"
    guesses = []
    for row in rows:
        wrong = row["gender"] == "male" and generator.random() < 0.5
        sure = 0.6 if wrong else 0.9
        sad = (row["label"] == "sad") != wrong
        guesses.append({"id": row["id"], "sad": sure if sad else 1 - sure, "angry": 1 - sure if sad else sure})
    record = score(tmp_path, guesses, rows, "emotion", "--groups", "speaker", "sex", "length")
    sex = record["groups"]["sex"]
    assert (sex["metric"], sex["worst"], sex["sizes"]) == ("ua", "male", {"female": 40, "male": 40})
    assert sex["metrics"]["female"]["ua"] == 1.0
    assert sex["difference"] == pytest.approx(sex["metrics"]["male"]["ua"] - 1)
    assert sex["interval"][1] < -0.2
    assert len(record["groups"]["speaker"]["sizes"]) == 8 and len(record["groups"]["length"]["sizes"]) == 3
    points = {point["threshold"]: point for point in record["selective"]["points"]}
    assert points[0.0]["coverage"] == 1.0 and points[0.7]["accuracy"] == 1.0
    assert points[0.7]["coverage"] == points[0.0]["accuracy"]
    results = (tmp_path / "out" / "results.md").read_text()
    assert "| sex | ua | 2 | male (40) |" in results and "| 0.7 | " in results
    assert "male (40)" in capsys.readouterr().out
    assert (tmp_path / "out" / "groups.png").stat().st_size > 20_000
    with pytest.raises(ValueError, match="does not tell snr; its columns are id, speaker, duration, gender"):
        score(tmp_path, guesses, rows, "emotion", "--groups", "snr")


@pytest.mark.parametrize("length", ["long", "nan", "inf"])
def test_groups_that_cannot_be_are_refused_before_anything_is_computed(tmp_path, capsys, length):
    labels = [{"id": "a", "label": "ang", "length": "1.5"}, {"id": "b", "label": "sad", "length": length}]
    guesses = [{"id": "a", "prediction": "ang"}, {"id": "b", "prediction": "sad"}]
    for kind, message in (
        ("length", f"'b': the column length must hold numbers, got '{length}'"),
        ("snr", "tell snr"),
    ):
        with pytest.raises(ValueError, match=message):
            score(tmp_path, guesses, labels, "iemocap-4-class", "--groups", kind)
    assert capsys.readouterr().out == "" and not (tmp_path / "out" / "metrics.json").exists()


@pytest.mark.parametrize("count", ["0", "-3"])
def test_resamples_are_refused_before_anything_is_read(tmp_path, count):
    places = ["--predictions", "none.csv", "--labels", "none.csv", "--task", "emotion", "--output_dir", str(tmp_path)]
    with pytest.raises(ValueError, match=f"num_resamples must be a whole number of at least 1, got {count}"):
        run_command("score", [*places, "--num_resamples", count])
    with pytest.raises(ValueError, match=f"num_resamples must be a whole number of at least 1, got {count}"):
        places = ["--model", "none", "--data_dir", "none", "--output_dir", "none"]
        run_command("evaluate", [*places, "--num_resamples", count])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("id,label\na,sad\nb,sad\n", "All labels are 'sad', and a task of one class scores nothing: name the task"),
        ("", "labels.csv is empty: write a header with id and label"),
        ("\n \n", "labels.csv is empty: write a header with id and label"),
        ("id,label\n", "labels.csv has a header and no rows: give one per utterance"),
        (None, "labels.csv: it is a folder: name a .csv file in it"),
        ("id,label\na,sad\na,sad\n", "line 3: the id 'a' is there twice: leave one of the rows out"),
        ("id,label\na,sad\n,sad\n", "line 3: the id '' is empty: fill it in"),
        ("file,label\nx/a.wav,sad\ny/a.wav,sad\n", "'y/a.wav' and 'x/a.wav' have one name without folder and suffix"),
        ("id,label\nx,sad\ny,happy\n", "2 utterances of .* are not in"),
    ],
)
def test_tables_that_cannot_be_scored_are_refused_with_what_to_do(tmp_path, labels, message):
    (tmp_path / "said.csv").write_text("id,prediction\na,sad\nb,sad\n")
    path = tmp_path / "labels.csv"
    path.mkdir() if labels is None else path.write_text(labels)
    with pytest.raises(ValueError, match=message) as caught:
        read_scored_tables(tmp_path / "said.csv", path, scored_task("emotion"))
    assert str(caught.value).count("\n") < 2


def test_a_task_misspelt():
    with pytest.raises(ValueError, match="There is no task 'iemocap-4-clas': did you mean iemocap-4-class or "):
        scored_task("iemocap-4-clas")
