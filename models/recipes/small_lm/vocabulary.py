"""A byte-level BPE vocabulary: every text has tokens, and tokens are bytes."""

import argparse
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

import corpus

SIZE = 4096
END, ANY, CALM = "<|end|>", "<|any|>", "<|calm|>"
SPECIAL = [END, ANY, CALM]
TONES = {corpus.ANY: 1, corpus.CALM: 2}


def main():
    """Writes `tokenizer.json`, learnt from the training split."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("out", type=Path)
    p.add_argument("--data", required=True)
    args = p.parse_args()
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=SIZE, special_tokens=SPECIAL, show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator([text for _, text in corpus.documents(args.data, "train")], trainer)
    assert [tokenizer.token_to_id(t) for t in SPECIAL] == [0, 1, 2]
    tokenizer.save(str(args.out))


if __name__ == "__main__":
    main()
