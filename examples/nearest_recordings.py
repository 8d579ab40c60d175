"""Find the recordings that sound most alike by a model's embeddings.

    emobert predict --model outputs/demo --audio recordings/ --embeddings vectors.parquet
    python examples/nearest_recordings.py vectors.parquet recordings/a.wav --column embedding_speech

Prints the nearest rows of the table to the rows of one recording, by cosine.
"""

import argparse

import pandas as pd
from sklearn.neighbors import NearestNeighbors


def nearest(table: pd.DataFrame, file: str, column: str = "embedding_fused", count: int = 5) -> pd.DataFrame:
    """The rows of other recordings that are nearest to those of one, with their cosine distance."""
    table = table[table[column].notna()].reset_index(drop=True)
    own, others = table[table["file"] == file], table[table["file"] != file]
    if own.empty or others.empty:
        known = table["file"].head(3).tolist()
        raise SystemExit(f"{file} must be one of several recordings with {column}: {known} ...")
    index = NearestNeighbors(metric="cosine").fit(others[column].tolist())
    distances, rows = index.kneighbors(own[column].tolist(), n_neighbors=min(count, len(others)))
    found = others.iloc[rows.ravel()].assign(distance=distances.ravel())
    return found.sort_values("distance").drop_duplicates("file").head(count)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", help="A .parquet file that `emobert predict --embeddings` wrote.")
    parser.add_argument("file", help="A recording as the table names it.")
    parser.add_argument("--column", default="embedding_fused")
    parser.add_argument("--count", type=int, default=5)
    given = parser.parse_args()
    found = nearest(pd.read_parquet(given.table), given.file, given.column, given.count)
    print(found[["file", "start", "end", "speaker", "text", "distance"]].to_string(index=False))
