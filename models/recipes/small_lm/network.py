"""Small transformers with keys and values that can be kept: a decoder, and an encoder with a decoder that looks at it."""

from dataclasses import asdict, dataclass

import torch
from torch import nn


@dataclass
class Config:
    """Sizes of a network; without encoder layers it is a language model."""

    vocabulary: int = 4096
    hidden: int = 256
    heads: int = 4
    feed_forward: int = 768
    positions: int = 256
    layers: int = 4
    encoder_layers: int = 0
    dropout: float = 0.1


class Attention(nn.Module):
    """Scaled dot products of heads."""

    def __init__(self, c: Config):
        super().__init__()
        self.heads, self.width = c.heads, c.hidden // c.heads
        self.query, self.key, self.value, self.out = (nn.Linear(c.hidden, c.hidden) for _ in range(4))
        self.dropout = c.dropout

    def split(self, x):
        return x.view(x.shape[0], -1, self.heads, self.width).transpose(1, 2)

    def memory(self, x):
        """Keys and values of states."""
        return self.split(self.key(x)), self.split(self.value(x))

    def forward(self, x, keys, values, mask=None):
        drop = self.dropout if self.training else 0.0
        mixed = nn.functional.scaled_dot_product_attention(self.split(self.query(x)), keys, values, attn_mask=mask,
                                                           dropout_p=drop)
        mixed = mixed.transpose(1, 2).reshape(x.shape[0], -1, self.heads * self.width)
        return self.out(mixed)


class Block(nn.Module):
    """Norm before each part; the middle one only where there is a text to look at."""

    def __init__(self, c: Config, cross: bool):
        super().__init__()
        self.own_norm, self.own = nn.LayerNorm(c.hidden), Attention(c)
        self.cross_norm = nn.LayerNorm(c.hidden) if cross else None
        self.cross = Attention(c) if cross else None
        self.wide_norm = nn.LayerNorm(c.hidden)
        self.wide, self.narrow = nn.Linear(c.hidden, c.feed_forward), nn.Linear(c.feed_forward, c.hidden)
        self.dropout = nn.Dropout(c.dropout)

    def forward(self, x, mask, past=None, text=None, text_mask=None):
        """The states, and the keys and values of all that the states may look at."""
        normed = self.own_norm(x)
        keys, values = self.own.memory(normed)
        if past is not None:
            keys, values = torch.cat((past[0], keys), dim=2), torch.cat((past[1], values), dim=2)
        x = x + self.dropout(self.own(normed, keys, values, mask))
        if self.cross is not None:
            x = x + self.dropout(self.cross(self.cross_norm(x), *text, text_mask))
        x = x + self.dropout(self.narrow(nn.functional.gelu(self.wide(self.wide_norm(x)))))
        return x, (keys, values)


def hidden_from(mask: torch.Tensor) -> torch.Tensor:
    """What is added to scores: 0 where the mask is true, else a large negative number."""
    return (1.0 - mask.to(torch.float32)) * -10000.0


class Network(nn.Module):
    """Tokens to the logits of what follows; the word table is the output's weight, too."""

    def __init__(self, c: Config):
        super().__init__()
        self.config = c
        self.word, self.position = nn.Embedding(c.vocabulary, c.hidden), nn.Embedding(c.positions, c.hidden)
        self.encoder = nn.ModuleList(Block(c, False) for _ in range(c.encoder_layers))
        self.encoder_norm = nn.LayerNorm(c.hidden) if c.encoder_layers else None
        self.decoder = nn.ModuleList(Block(c, c.encoder_layers > 0) for _ in range(c.layers))
        self.norm = nn.LayerNorm(c.hidden)
        self.dropout = nn.Dropout(c.dropout)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.03)
                if isinstance(module, nn.Linear):
                    nn.init.zeros_(module.bias)

    def embed(self, ids, positions):
        return self.dropout(self.word(ids) + self.position(positions))

    def encode(self, ids, mask=None):
        """Keys and values of a text, layer by layer of the decoder."""
        x = self.embed(ids, torch.arange(ids.shape[1]).expand_as(ids))
        bias = None if mask is None else hidden_from(mask[:, None, None, :])
        for block in self.encoder:
            x, _ = block(x, bias)
        x = self.encoder_norm(x)
        return [block.cross.memory(x) for block in self.decoder]

    def decode(self, ids, positions, mask, past=None, text=None, text_mask=None):
        """Logits, and keys and values to keep. `mask` is what is added to the scores of [new, all]."""
        x, kept = self.embed(ids, positions), []
        for i, block in enumerate(self.decoder):
            x, memory = block(x, mask, past[i] if past else None, text[i] if text else None, text_mask)
            kept.append(memory)
        return nn.functional.linear(self.norm(x), self.word.weight), kept

    def forward(self, ids, text_ids=None, text_mask=None):
        """Logits of whole rows, for training."""
        n = ids.shape[1]
        positions = torch.arange(n).expand_as(ids)
        mask = hidden_from(torch.ones(n, n).tril() > 0)[None, None]
        text = None if text_ids is None else self.encode(text_ids, text_mask)
        bias = None if text_mask is None else hidden_from(text_mask[:, None, None, :])
        return self.decode(ids, positions, mask, None, text, bias)[0]


def save(model: Network, path, **extra):
    """Writes weights and sizes."""
    torch.save({"config": asdict(model.config), "state": model.state_dict(), **extra}, path)


def load(path) -> Network:
    """Reads what `save` wrote, in evaluation mode."""
    found = torch.load(path, weights_only=False)
    model = Network(Config(**found["config"]))
    model.load_state_dict(found["state"])
    return model.eval()
