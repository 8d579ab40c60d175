"""Warnings of a run are kept, and counted over runs."""

import json
import logging
import warnings

from commands_emo.run_warnings import collected_warnings, warnings_of_runs


def test_warnings_are_kept_shown_and_counted(tmp_path):
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder in folders[:2]:
        folder.mkdir()
        with warnings.catch_warnings(record=True) as shown:
            warnings.simplefilter("always")
            with collected_warnings(folder):
                warnings.warn("undefined,\n so NaN", stacklevel=1)
                warnings.warn("undefined, so NaN", stacklevel=1)
                warnings.warn("old name", FutureWarning, stacklevel=1)
                if folder.name == "b":
                    logging.getLogger("accelerate").warning("no curve")
            assert len(shown) == 3
    assert json.loads((folders[0] / "warnings.json").read_text()) == {"undefined, so NaN": 2}
    assert warnings_of_runs(folders) == {"undefined, so NaN": 2, "no curve": 1}
