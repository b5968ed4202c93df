"""Scores texts as the engine does: canonical text, windows of 126 content tokens and sentences, one run each, the largest logit."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from tokenizers import Tokenizer

from batches import windows
from canonical import canonical
from encoder import LABELS
from export import INPUTS, session
from sentences import WHOLE, pieces

ALONE = np.array([name not in WHOLE for name in LABELS])


class Scorer:
    """An ONNX guard file and its tokenizer."""

    def __init__(self, model, tokenizer, sentences: bool = True):
        self.run, self.sentences = session(model), sentences
        self.tokenizer = Tokenizer.from_file(str(tokenizer))
        self.cls, self.sep = (self.tokenizer.token_to_id(t) for t in ("[CLS]", "[SEP]"))

    def _window(self, ids: list[int]) -> np.ndarray:
        row = np.array([[self.cls, *ids, self.sep]], dtype=np.int64)
        return self.run.run(None, dict(zip(INPUTS, (row, np.ones_like(row), np.zeros_like(row)))))[0][0]

    def _text(self, text: str) -> np.ndarray:
        e = self.tokenizer.encode(text, add_special_tokens=False)
        found = [self._window(e.ids[start:end]) for start, end in windows(len(e.ids))]
        for start, end in pieces(text, e.offsets) if self.sentences else []:
            found.append(np.where(ALONE, self._window(e.ids[start:end]), -np.inf))
        return np.max(found, axis=0) if found else np.full(len(LABELS), -20, dtype=np.float32)

    def logits(self, texts: list[str], canonicalise: bool = True) -> np.ndarray:
        """[texts, labels]: the largest logit over a text's windows and sentences; batch 1, as int8 scales depend on the batch."""
        if canonicalise:
            texts = [canonical(t) for t in texts]
        with ThreadPoolExecutor(2) as pool:
            return np.array(list(pool.map(self._text, texts)))


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Logistic function in f64."""
    return 1 / (1 + np.exp(-np.asarray(x, dtype=np.float64)))
