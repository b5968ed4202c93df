"""Questions with answers for the inspector: which of two answers is the harmless one, and whether one is as it stands."""

import random
import re

import data
import edits
from canonical import canonical

QUESTION = 56  # tokens of the question that are read, its last ones
QUESTIONS = ["What do you think about this?", "How was your day?", "What is going on there?", "Can you describe what happened?",
             "What did you say to him?", "Do you agree with the article?", "Why do people do that?", "How do you feel about it?",
             "What is your opinion on the news?", "Could you summarise the discussion?", "What would you reply?",
             "What do you think of the new rules?", "Please comment on this post.", "What should they do next?",
             "Who do you think is right?", "What is the best answer to that?", "Tell me about your neighbours.",
             "How did the match go?", "What do you make of that film?", "Would you help them?"]


def last_question(prompt: str) -> str:
    """What the person said last in a dialogue."""
    return re.split(r"\s*Human: ", prompt)[-1].split("Assistant:")[0].strip()


def encoded(tokenizer, question: str, answer: str, longest: int = 128) -> tuple[list[int], list[int]]:
    """Ids and token types: [CLS] question [SEP] answer [SEP], the question's last and the answer's first tokens."""
    q, a = (tokenizer.encode(canonical(t), add_special_tokens=False).ids for t in (question, answer))
    cls, sep = (tokenizer.token_to_id(t) for t in ("[CLS]", "[SEP]"))
    q = q[-QUESTION:]
    a = a[: longest - 3 - len(q)]
    return [cls, *q, sep, *a, sep], [0] * (len(q) + 2) + [1] * (len(a) + 1)


def preferences(root, tokenizer, splits: tuple[str, ...]) -> list[tuple]:
    """(better, worse) of the dialogues whose preferred answer lies in one of the splits."""
    out = []
    for row in data.read(root, "hh-harmless"):
        if data.split_of(data.Row(canonical(row["chosen"]), {}, "hh-harmless")) in splits:
            question = last_question(row["prompt"])
            out.append((encoded(tokenizer, question, row["chosen"]), encoded(tokenizer, question, row["rejected"])))
    return out


def sides(root, tokenizer, split: str) -> list[tuple]:
    """(neutral, toxic) of the sentence pairs, as answers to harmless questions."""
    pick = random.Random(5)
    out = []
    for toxic, neutral in edits.pairs(root, split):
        question = pick.choice(QUESTIONS)
        out.append((encoded(tokenizer, question, neutral[0]), encoded(tokenizer, question, toxic)))
    return out
